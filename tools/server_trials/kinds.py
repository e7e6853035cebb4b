"""The kinds of requests that tools/fuzz_serving sends, how often, and what may come of each."""

import dataclasses
import json
import random
from collections.abc import Callable
from typing import Any

from server_trials import contents, files
from server_trials.contents import FILES, IMAGES, PIXELS, Model, to
from server_trials.messages import Raw, Request, Rest, Rpc, as_rest, as_rpc, mutated

REFUSED, EITHER, CUT = "refused", "refused or answered", "whatever, being cut off"
_MOST_BODY = 16 * 2**20


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of requests.

    Attributes:
      name: in the table.
      weight: how often it comes, beside the others.
      make: a request.
      expected: what may come of it.
    """

    name: str
    weight: float
    make: Callable[[random.Random, Model], Request]
    expected: str = REFUSED


def _changed_json(rng: random.Random, model: Model) -> Request:
    return Rest(mutated(as_rest("", IMAGES, contents.image(rng, model)).body, rng))


def _tree(rng: random.Random, depth: int = 0) -> Any:
    if depth < 5 and rng.random() < 0.5:
        return [_tree(rng, depth + 1) for _ in range(rng.randrange(4))]
    if rng.random() < 0.2:
        keys = rng.choices(("b64", "images", "pixels", "image_bytes"), k=rng.randrange(3))
        return {key: _tree(rng, depth + 1) for key in keys}
    numbers = (0, -1, 0.5, 1e308, float("nan"), float("inf"), 10**30, 2**63)
    return rng.choice((*numbers, "a", "", None, True, "\ud800"))


def _any_json(rng: random.Random, model: Model) -> Request:
    body = {rng.choice(("instances", "inputs", "examples")): _tree(rng)}
    takes = rng.choice((IMAGES, PIXELS, FILES))
    body["signature_name"] = rng.choice((to(rng, model, takes), None, 3, [], {}))
    return Rest(json.dumps(body).encode())


def _large_json(rng: random.Random, model: Model) -> Request:
    size = 10 * 2**20
    fillings = (b"[" * size, b"0.5," * (size // 4), b"[]," * (size // 3), b"{}," * (size // 3))
    filling = rng.choice((*fillings, b'"' + b"a" * size + b'",'))
    return Rest(b'{"instances": [' + filling + b"0]}")


def _too_large(rng: random.Random, model: Model) -> Request:
    content = bytes(_MOST_BODY + 1 + rng.randrange(2**20))
    return Rest(content) if rng.random() < 0.5 else Rpc(content)


def _b64(rng: random.Random, model: Model) -> Request:
    content = {"b64": rng.choice(("?", "A", 3, None))}
    body = {"signature_name": to(rng, model, FILES), "instances": [content]}
    return Rest(json.dumps(body).encode())


def _verb(rng: random.Random, model: Model) -> Request:
    good_body = as_rest("", IMAGES, contents.image(rng, model)).body
    if rng.random() < 0.5:
        return Rest(
            good_body, verb=rng.choice(("GET", "PUT", "DELETE", "PATCH", "BREW", "OPTIONS"))
        )
    return Rest(good_body, rng.choice(("", "/metadata", ":classify", ":regress", "/versions/1")))


def _path(rng: random.Random, model: Model) -> Request:
    parts = ("/v1", "/models", "/versions", "/1", "\u00b2", "%00", "%2e", "/..", ":predict", "//")
    path = "".join(rng.choices((*parts, "/metadata", "/labels/a", "?", "\u00e9"), k=6))
    return Rest(b"", path, rng.choice(("GET", "POST", "HEAD")), from_root=True)


def _headers(rng: random.Random, model: Model) -> Request:
    headers = (
        {"Content-Encoding": rng.choice(("gzip", "deflate", "br"))},
        {"Content-Type": "\u00e9" * 99},
        {"Transfer-Encoding": "chunked"},
        {"X": "a" * 20_000},
        {"Expect": "the-unexpected"},
    )
    body = as_rest("", IMAGES, contents.image(rng, model)).body
    return Rest(body, headers={k: v.encode("latin-1") for k, v in rng.choice(headers).items()})


def _cut_off(rng: random.Random, model: Model) -> Request:
    content = as_rest("", IMAGES, contents.image(rng, model)).body
    whole = contents.head(model, len(content)) + content
    ends = sorted(rng.randrange(1, len(whole)) for _ in range(2))
    return Raw((whole[: ends[0]], whole[ends[0] : ends[1]]))


def _random_bytes(rng: random.Random, model: Model) -> Request:
    begin = rng.choice((b"", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"POST / HTTP/1.1\r\n"))
    return Raw((begin + rng.randbytes(rng.randrange(1, 500)),), to_grpc=rng.random() < 0.5)


def _changed_message(rng: random.Random, model: Model) -> Request:
    takes = rng.choice((IMAGES, PIXELS, FILES))
    message = as_rpc(model.name, to(rng, model, takes), takes, model.values(takes, [0])).message
    return Rpc(mutated(message, rng))


def _random_message(rng: random.Random, model: Model) -> Request:
    return Rpc(rng.randbytes(rng.randrange(500)), rng.choice(("Predict", "GetModelMetadata")))


def _method(rng: random.Random, model: Model) -> Request:
    message = as_rpc(model.name, "", IMAGES, contents.image(rng, model)).message
    return Rpc(message, rng.choice(("Classify", "Regress", "MultiInference", "Reload", "predict")))


def _deadline(rng: random.Random, model: Model) -> Request:
    message = as_rpc(model.name, "", IMAGES, contents.image(rng, model)).message
    return Rpc(message, seconds=rng.choice((0.0005, 0.001, 0.003)))


KINDS = (
    Kind("wrong shape", 6, contents.shape),
    Kind("wrong type", 6, contents.dtype),
    Kind("NaN or infinity", 5, contents.number(float("nan"), float("inf"), -float("inf"))),
    Kind("outside [0, 1]", 5, contents.number(1.0001, -1e-6, 255.0, 1e30)),
    Kind("no level of a pixel", 3, contents.level),
    Kind("empty batch", 4, contents.empty),
    Kind("too many rows", 2, contents.too_many),
    Kind("announces what does not come", 3, contents.promise),
    Kind("unknown signature", 5, contents.signature),
    Kind("unknown input", 4, contents.input),
    Kind("unknown or repeated output", 3, contents.outputs),
    Kind("unknown model or version", 5, contents.elsewhere),
    Kind("image cut short", 6, files.cut_file),
    Kind("no JPEG or PNG", 4, files.no_file),
    Kind("image with changed bytes", 4, files.changed_file, EITHER),
    Kind("100 megapixels", 4, files.bomb),
    Kind("36 megapixels, several", 2, files.large_files),
    Kind("36 megapixels", 0.1, files.large_file, EITHER),
    Kind("base64 that is none", 2, _b64),
    Kind("JSON with changed bytes", 6, _changed_json, EITHER),
    Kind("JSON of any kind", 6, _any_json),
    Kind("10 MB of JSON", 0.3, _large_json),
    Kind("over 16 MiB", 0.3, _too_large),
    Kind("wrong verb or end of path", 4, _verb),
    Kind("any path", 4, _path, EITHER),
    Kind("odd headers", 3, _headers, EITHER),
    Kind("connection cut off", 4, _cut_off, CUT),
    Kind("random bytes to a port", 3, _random_bytes, CUT),
    Kind("message with changed bytes", 6, _changed_message, EITHER),
    Kind("random bytes as a message", 3, _random_message),
    Kind("method that is not served", 2, _method),
    Kind("deadline of a moment", 3, _deadline, CUT),
)
