"""TensorFlow Serving's JSON to arrays and back, by rows ("instances") or columns ("inputs")."""

import base64
import binascii
import dataclasses
import itertools
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from robust_tf.errors import InputError
from robust_tf.serving.server import inputs
from robust_tf.serving.server.model import Arrays, Signature, is_batched
from robust_tf.serving.server.options import ServeOptions


@dataclasses.dataclass(frozen=True)
class _PredictBody:
    """The body of a predict request.

    Attributes:
      signature_name: empty for the default one.
      by_rows: whether it came as "instances", and the answer goes as "predictions".
      content: what came under that key.
    """

    signature_name: str
    by_rows: bool
    content: Any

    def arrays(self, signature: Signature, options: ServeOptions) -> Arrays:
        """The checked inputs."""
        columns = self._columns(signature)
        inputs.check_names(signature, columns)
        return {
            name: _array(spec, columns[name], options) for name, spec in signature.inputs.items()
        }

    def _columns(self, signature: Signature) -> dict[str, Any]:
        """The values of each input; a bare value is that of the only one."""
        only = next(iter(signature.inputs), "")
        if not self.by_rows:
            named = isinstance(self.content, dict) and set(self.content) != {"b64"}
            return self.content if named else {only: self.content}
        _refuse_without_rows(signature)
        rows = self.content
        if not isinstance(rows, list) or not rows:
            raise InputError('"instances" holds no rows; expected a list of at least one.')
        if not all(isinstance(row, dict) and set(row) != {"b64"} for row in rows):
            return {only: rows}
        if any(set(row) != set(rows[0]) for row in rows):
            raise InputError('The rows of "instances" name different inputs; expected the same.')
        return {name: [row[name] for row in rows] for name in rows[0]}


class Dialogue:
    """A request, and its answer in the same format.

    Args:
      body: the request's.
    """

    def __init__(self, body: bytes):
        self._body = body
        self._by_rows = True

    def read(
        self, choose: Callable[[str], Signature], options: ServeOptions
    ) -> tuple[Signature, Arrays]:
        """The signature that the body names, and its checked inputs."""
        parsed = _parse(self._body)
        self._by_rows = parsed.by_rows
        signature = choose(parsed.signature_name)
        return signature, parsed.arrays(signature, options)

    def write(self, outputs: Arrays, *_) -> bytes:
        """The answer's body."""
        return _reply(self._by_rows, outputs)


def _parse(body: bytes) -> _PredictBody:
    """What a body says, its values still as they came."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise InputError("The body is not valid JSON; expected one object.") from None
    if not isinstance(content, dict) or ("instances" in content) == ("inputs" in content):
        raise InputError('The body is not understood; expected either "instances" or "inputs".')
    name = content.get("signature_name", "")
    if not isinstance(name, str):
        raise InputError('"signature_name" is no text; expected the name of a signature.')
    by_rows = "instances" in content
    return _PredictBody(name[:100], by_rows, content["instances" if by_rows else "inputs"])


def _reply(by_rows: bool, outputs: Arrays) -> bytes:
    """The answer in the format of the request."""
    plain = {name: _plain(name, values) for name, values in outputs.items()}
    only = next(iter(plain.values())) if len(plain) == 1 else None
    if not by_rows:
        return json.dumps({"outputs": plain if only is None else only}).encode()
    if only is None:
        only = [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)]
    return json.dumps({"predictions": only}).encode()


def _refuse_without_rows(signature: Signature) -> None:
    """Raises where an input or output of the signature is not a row an image."""
    for name, spec in (*signature.inputs.items(), *signature.outputs.items()):
        if not is_batched(spec):
            raise InputError(
                f'{name} of the signature {signature.name} has no rows; expected "inputs", '
                'the column format, instead of "instances".'
            )


def _array(spec: tf.TensorSpec, value: Any, options: ServeOptions) -> np.ndarray:
    """A value as the checked array of an input."""
    shape, leaves = _flat(spec.name, value)
    inputs.check_shape(spec, shape, options)
    if spec.dtype == tf.string:
        array = np.array([_encoded(spec.name, leaf) for leaf in leaves], object)
    else:
        array = _numbers(spec, leaves)
    array = array.reshape(shape)
    inputs.check_values(spec, array)
    return array


def _flat(name: str, value: Any) -> tuple[list[int], list]:
    """The shape of nested lists, and all they hold; one level a turn, each in C."""
    shape, level = [], [value]
    while level and isinstance(level[0], list):
        ragged = set(map(type, level)) != {list} or len(set(map(len, level))) != 1
        if ragged:
            raise InputError(f"The input {name} has rows of different shapes; expected one shape.")
        shape.append(len(level[0]))
        level = list(itertools.chain.from_iterable(level))
    return shape, level


def _numbers(spec: tf.TensorSpec, leaves: list) -> np.ndarray:
    """Numbers, or truth values, of the input's type."""
    kinds = {bool} if spec.dtype.is_bool else {int}
    if spec.dtype.is_floating:
        kinds = {int, float}
    wrong = set(map(type, leaves)) - kinds
    if wrong:
        found = ", ".join(sorted(kind.__name__ for kind in wrong))
        raise InputError(f"The input {spec.name} holds {found}; expected {spec.dtype.name}.")
    if spec.dtype.is_integer and leaves:
        least, most = spec.dtype.limits
        if min(leaves) < least or max(leaves) > most:
            raise InputError(
                f"The input {spec.name} holds numbers that {spec.dtype.name} cannot; "
                f"expected {least} to {most}."
            )
    try:
        with np.errstate(over="ignore"):
            return np.array(leaves, np.float64 if spec.dtype.is_floating else None).astype(
                spec.dtype.as_numpy_dtype
            )
    except OverflowError:
        raise InputError(f"The input {spec.name} holds infinity; expected numbers.") from None


def _encoded(name: str, leaf: Any) -> bytes:
    """The bytes of a string: {"b64": ...}, or plain text where the input is no file."""
    if isinstance(leaf, str) and not name.endswith(inputs.ENCODED):
        return leaf.encode(errors="surrogatepass")
    if isinstance(leaf, dict) and set(leaf) == {"b64"} and isinstance(leaf["b64"], str):
        try:
            return base64.b64decode(leaf["b64"], validate=True)
        except (binascii.Error, ValueError):
            raise InputError(f"The input {name} holds a b64 that is not base64.") from None
    raise InputError(f'The input {name} holds {type(leaf).__name__}; expected {{"b64": ...}}.')


def _plain(name: str, values: np.ndarray) -> Any:
    """An output as nested lists; bytes as text, or as base64 where its name says bytes."""
    if values.dtype.kind not in "OS":
        return values.tolist() if values.dtype.kind in "fiub" else values.astype(float).tolist()

    def written(content: bytes) -> Any:
        if name.endswith(inputs.ENCODED):
            return {"b64": base64.b64encode(content).decode()}
        return content.decode(errors="replace")

    flat = np.empty(values.size, object)
    flat[:] = [written(content) for content in values.ravel()]
    return flat.reshape(values.shape).tolist()
