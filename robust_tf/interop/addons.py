"""TensorFlow Addons' image filters, made to live beside Keras 3: addons.median_filter(images).

The package as a whole does not import with Keras 3. Its filters do, given stand-ins for its
__init__ files and for one module of Keras 2; none of them stays among Python's modules.
"""

import contextlib
import importlib
import importlib.util
import pathlib
import sys
import types
from collections.abc import Iterator

import keras
import tensorflow as tf

_ADDONS = "tensorflow_addons"
_KERAS_2 = "keras.src.engine"


def _stand_ins() -> dict[str, types.ModuleType]:
    (root,) = importlib.util.find_spec(_ADDONS).submodule_search_locations
    modules = {}
    for package in (_ADDONS, f"{_ADDONS}.image", f"{_ADDONS}.utils"):
        modules[package] = types.ModuleType(package)
        modules[package].__path__ = [str(pathlib.Path(root, *package.split(".")[1:]))]
    modules[_KERAS_2] = types.ModuleType(_KERAS_2)
    modules[_KERAS_2].keras_tensor = types.SimpleNamespace(KerasTensor=keras.KerasTensor)
    return modules


@contextlib.contextmanager
def _importable() -> Iterator[None]:
    """Within it, modules of Addons can be imported; after it, sys.modules is what it was."""
    ours = {m: sys.modules.pop(m) for m in list(sys.modules) if m.split(".")[0] == _ADDONS}
    sys.modules.update(_stand_ins())
    try:
        yield
    finally:
        for module in list(sys.modules):
            if module == _KERAS_2 or module.split(".")[0] == _ADDONS:
                del sys.modules[module]
        sys.modules.update(ours)


with _importable():
    _filters = importlib.import_module(f"{_ADDONS}.image.filters")

# Over the edge the outermost pixels come again. Addons' default, REFLECT, leaves them out and so
# fails on images of one pixel.
_PADDING = "SYMMETRIC"


def mean_filter(images: tf.Tensor) -> tf.Tensor:
    """Returns the mean of each 3x3 window of each channel."""
    return _filters.mean_filter2d(images, (3, 3), _PADDING)


def median_filter(images: tf.Tensor) -> tf.Tensor:
    """Returns the median of each 3x3 window of each channel."""
    return _filters.median_filter2d(images, (3, 3), _PADDING)


def gaussian_filter(images: tf.Tensor) -> tf.Tensor:
    """Returns the mean of each 3x3 window of each channel, weighted by a Gaussian of sigma 1."""
    return _filters.gaussian_filter2d(images, (3, 3), 1.0, _PADDING)
