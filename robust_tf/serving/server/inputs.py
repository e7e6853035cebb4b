"""Whether what a request brings is what a signature takes, told before it meets other requests."""

import math
from collections.abc import Collection, Sequence

import numpy as np
import tensorflow as tf

from robust_tf.errors import InputError
from robust_tf.serving.server.image_files import pixels, refuse_broken
from robust_tf.serving.server.model import Arrays, Signature, is_batched
from robust_tf.serving.server.options import ServeOptions

IMAGES = "images"
ENCODED = "_bytes"


def check_names(signature: Signature, given: Collection[str]) -> None:
    """Raises unless exactly the signature's inputs are given."""
    if set(given) != set(signature.inputs):
        raise InputError(
            f"The inputs are {_listed(given)}; expected {_listed(signature.inputs)} "
            f"for the signature {signature.name}."
        )


def check_shape(spec: tf.TensorSpec, shape: Sequence[int], options: ServeOptions) -> None:
    """Raises unless a tensor of this shape may be made for the input.

    A tensor is checked before it is made: a shape is a few bytes, what it announces may be any
    number of them.
    """
    shape = tuple(shape)
    if min(shape, default=0) < 0 or not spec.shape.is_compatible_with(shape):
        found = f"shape {shape}" if len(shape) < 10 else f"{len(shape)} sides"
        raise InputError(f"The input {spec.name} has {found}; expected {_sides(spec)}.")
    if is_batched(spec):
        if shape[0] == 0:
            raise InputError(f"The input {spec.name} is an empty batch; expected at least 1 row.")
        if shape[0] > options.max_request_batch:
            raise InputError(
                f"The input {spec.name} has {shape[0]} rows; "
                f"expected at most {options.max_request_batch} a request."
            )
    if math.prod(shape) > options.max_body:
        raise InputError(
            f"The input {spec.name} has shape {shape}; expected at most {options.max_body} values."
        )


def check_values(spec: tf.TensorSpec, array: np.ndarray) -> None:
    """Raises unless all numbers are finite, images within [0, 1] and image files whole."""
    if spec.dtype == tf.string:
        if _is_files(spec):
            refuse_broken(array.ravel(), f"The input {spec.name}")
        return
    if not spec.dtype.is_floating:
        return
    # Also right for bfloat16, which NumPy's own functions do not all know.
    values = array.astype(np.float64)
    _refuse(spec, values, ~np.isfinite(values), "finite numbers")
    if spec.name == IMAGES:
        _refuse(spec, values, (values < 0) | (values > 1), "values within [0, 1]")


def count_pixels(arrays: Arrays, signature: Signature) -> int:
    """How many pixels the model will decode from checked image files."""
    files = (name for name, spec in signature.inputs.items() if _is_files(spec))
    return sum(pixels(arrays[name].ravel()) for name in files)


def check_batch(arrays: Arrays, signature: Signature) -> int:
    """The number of rows, which all inputs that have rows must share; 1 where none has."""
    counts = {
        name: len(arrays[name]) for name, spec in signature.inputs.items() if is_batched(spec)
    }
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        raise InputError(f"The inputs have different numbers of rows ({listed}); expected one.")
    return next(iter(counts.values()), 1)


def _is_files(spec: tf.TensorSpec) -> bool:
    return spec.dtype == tf.string and spec.name.endswith(ENCODED)


def _refuse(spec: tf.TensorSpec, values: np.ndarray, wrong: np.ndarray, expected: str) -> None:
    """Raises where a value is wrong, and says which."""
    if wrong.any():
        place = tuple(int(side) for side in np.argwhere(wrong)[0])
        raise InputError(
            f"The input {spec.name} holds {values[place]} at {list(place)}; expected {expected}."
        )


def _sides(spec: tf.TensorSpec) -> str:
    """A shape as people write it; unknown sides as letters."""
    if spec.shape.rank is None:
        return "any shape"
    sides = ["any" if side is None else str(side) for side in spec.shape]
    if is_batched(spec):
        sides[0] = "N"
    return f"({', '.join(sides)}{',' if len(sides) == 1 else ''})"


def _listed(names: Collection[str]) -> str:
    """Names in one order, shortened where a client sent very many."""
    shown = [name if len(name) < 50 else f"{name[:50]}..." for name in sorted(names)[:10]]
    return ", ".join(shown + ["..."] * (len(names) > 10)) or "missing"
