"""Good predict requests, and wrong contents of them: tensors, image files, names.

Each function makes a request from a random generator and from what is known of the model.
"""

import dataclasses
import json
import random
from collections.abc import Callable
from typing import Any

import numpy as np
from tensorflow_serving.apis import predict_pb2

from server_trials.messages import Raw, Request, Rest, Rpc, as_rest, as_rpc

BARE = "serving_default"
IMAGES, PIXELS, FILES = "images", "pixels", "image_bytes"  # what signatures call their inputs
_MOST_ROWS = 64


@dataclasses.dataclass(frozen=True)
class Model:
    """What is known of the served model.

    Attributes:
      name: its name.
      pixels: uint8 images that good requests are made of.
      files: the same as PNG files.
      decisions: how it decides: the network alone, or behind a defence.
    """

    name: str
    pixels: np.ndarray
    files: list[bytes]
    decisions: tuple[str, ...] = (BARE,)

    def signature(self, decision: str, takes: str) -> str:
        """The signature that decides in this way and takes this input."""
        if takes == IMAGES:
            return decision
        form = {PIXELS: "pixels", FILES: "encoded"}[takes]
        return form if decision == BARE else f"{form}_{decision}"

    def values(self, takes: str, places: list[int]) -> np.ndarray | list[bytes]:
        """These images as an input takes them."""
        if takes == FILES:
            return [self.files[place] for place in places]
        pixels = self.pixels[places]
        return pixels if takes == PIXELS else pixels.astype(np.float32) / 255


def good(rng: random.Random, model: Model) -> tuple[Request, str, list[int]]:
    """A request that must be answered, how it is decided, and the images in it."""
    places = [rng.randrange(len(model.pixels)) for _ in range(rng.choice((1, 1, 2, 3, 8)))]
    decision, takes = rng.choice(model.decisions), rng.choice((IMAGES, PIXELS, FILES))
    signature, values = model.signature(decision, takes), model.values(takes, places)
    way = rng.randrange(5)
    if way < 2:
        return as_rpc(model.name, signature, takes, values), decision, places
    request = as_rest(signature, takes, values, rows=rng.random() < 0.5)
    if way < 4:
        return request, decision, places
    half = len(request.body) // 2
    parts = (head(model, len(request.body)), request.body[:half], request.body[half:])
    return Raw(parts, cut=False), decision, places


def sent(
    rng: random.Random,
    model: Model,
    values: Any,
    takes: str = IMAGES,
    signature: str = "",
    dtype: Any = None,
) -> Request:
    """A predict request over one protocol or the other, to any signature with such an input."""
    signature = signature or to(rng, model, takes)
    if rng.random() < 0.5:
        return as_rest(signature, takes, values, rows=rng.random() < 0.5)
    return as_rpc(model.name, signature, takes, values, dtype)


def to(rng: random.Random, model: Model, takes: str = IMAGES) -> str:
    """Any signature with such an input."""
    return model.signature(rng.choice(model.decisions), takes)


def image(rng: random.Random, model: Model) -> np.ndarray:
    """A good image, in a batch of one."""
    return model.values(IMAGES, [rng.randrange(len(model.pixels))])


def shape(rng: random.Random, model: Model) -> Request:
    """Any shape but the right one."""
    sides = [rng.randrange(1, 12) for _ in range(rng.randrange(1, 6))]
    if tuple(sides[1:]) == model.pixels.shape[1:]:
        sides.append(1)
    return sent(rng, model, np.zeros(sides, np.float32))


def dtype(rng: random.Random, model: Model) -> Request:
    """Another type than the input has."""
    good = image(rng, model)
    if rng.random() < 0.5:
        values = good.astype(object)
        values[0, 0, 0, 0] = rng.choice((None, "0.5", True, {}, {"b64": "AA=="}))
        return as_rest(to(rng, model), IMAGES, values)
    dtype = rng.choice((np.float64, np.int32, np.float16, np.bool_, np.complex64))
    return as_rpc(model.name, to(rng, model), IMAGES, good.astype(dtype))


def number(*numbers: float) -> Callable[[random.Random, Model], Request]:
    """Makes images with one of these numbers in them."""

    def make(rng, model):
        values = image(rng, model)
        values[tuple(rng.randrange(side) for side in values.shape)] = rng.choice(numbers)
        return sent(rng, model, values)

    return make


def level(rng: random.Random, model: Model) -> Request:
    """A pixel that no byte can be."""
    pixels = model.values(PIXELS, [0]).astype(object)
    pixels[0, 1, 2, 0] = rng.choice((256, -1, 10**30, 0.5))
    return as_rest(to(rng, model, PIXELS), PIXELS, pixels)


def empty(rng: random.Random, model: Model) -> Request:
    """No rows."""
    takes = rng.choice((IMAGES, PIXELS))
    return sent(rng, model, model.values(takes, []), takes)


def too_many(rng: random.Random, model: Model) -> Request:
    """More rows than a request may have."""
    places = [0] * rng.randrange(_MOST_ROWS + 1, 200)
    takes = rng.choice((PIXELS, FILES))
    return sent(rng, model, model.values(takes, places), takes)


def signature(rng: random.Random, model: Model) -> Request:
    """A signature that is not there, or takes something else."""
    name = rng.choice(("serving", "classify", "", "%00", "\N{SNOWMAN}", "x" * 5000, "pixels"))
    return sent(rng, model, image(rng, model), signature=name or " ")


def input(rng: random.Random, model: Model) -> Request:
    """An input that is not there."""
    name = rng.choice(("image", "pixels", "", "\N{SNOWMAN}", "x" * 5000))
    if rng.random() < 0.5:
        body = {"inputs": {name: image(rng, model).tolist()}}
        return Rest(json.dumps(body).encode())
    return as_rpc(model.name, to(rng, model), name, image(rng, model))


def outputs(rng: random.Random, model: Model) -> Request:
    """An output that is not there, or one that is there many times."""
    request = predict_pb2.PredictRequest()
    message = as_rpc(model.name, to(rng, model), IMAGES, image(rng, model)).message
    request.ParseFromString(message)
    name, times = rng.choice((("logit", 1), ("", 1), ("x" * 5000, 1), ("logits", 20_000)))
    request.output_filter.extend([name] * times)
    return Rpc(request.SerializeToString())


def elsewhere(rng: random.Random, model: Model) -> Request:
    """A model, version or label that is not there."""
    if rng.random() < 0.5:
        number = rng.choice((77, -1, 2**62))
        name = rng.choice((model.name, "", "nobody", "x" * 5000, "\N{SNOWMAN}"))
        return as_rpc(name, "", IMAGES, image(rng, model), version=number)
    ends = (
        "/versions/77",
        "/versions/-1",
        "/versions/one",
        "/versions/9" + "9" * 30,
        "s",
        "x" * 500,
    )
    path = rng.choice((*ends, "/labels/stable")) + ":predict"
    return as_rest("", IMAGES, image(rng, model), path)


def promise(rng: random.Random, model: Model) -> Request:
    """A shape that announces more, or less, than comes with it."""
    message = as_rpc(model.name, to(rng, model), IMAGES, image(rng, model)).message
    # The size of the last side: tag 0x08 and its value, inside the tag 0x12 of a side.
    channels = model.pixels.shape[-1]
    side = bytes((0x12, 2, 0x08, channels))
    return Rpc(message.replace(side, bytes((0x12, 2, 0x08, rng.choice((0, 5, 127))))))


def head(model: Model, size: int) -> bytes:
    """What comes before the body of a predict request."""
    path = f"/v1/models/{model.name}:predict"
    return f"POST {path} HTTP/1.0\r\nHost: a\r\nContent-Length: {size}\r\n\r\n".encode()
