"""Reads pickles of arrays, bytes and numbers, and refuses to run anything that one may carry."""

import io
import pickle
from typing import Any

import numpy as np

# The modules' names before and after numpy 2, and what Python 2 calls to make bytes.
_ALLOWED = {
    (module, name)
    for package in ("numpy.core", "numpy._core")
    for module, name in (
        (f"{package}.multiarray", "_reconstruct"),
        (f"{package}.multiarray", "scalar"),
        (f"{package}.numeric", "_frombuffer"),
    )
} | {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it holds a {module}.{name}, only arrays are read")
        return super().find_class(module, name)


def loads(data: bytes) -> Any:
    """What was pickled, if it is made of containers, numbers, bytes, strings and numpy arrays.

    Args:
      data: the pickle; strings of Python 2 (the CIFAR files) become bytes.

    Raises:
      pickle.UnpicklingError: where it holds anything else.
    """
    loaded = _ArrayUnpickler(io.BytesIO(data), encoding="bytes").load()
    if isinstance(loaded, np.ndarray) and loaded.dtype.hasobject:
        raise pickle.UnpicklingError("it holds an array of objects, only numbers are read")
    return loaded
