"""Loads a trained network from where it lies: load("runs/mnist") or load("network.keras")."""

import hashlib
import os
import pathlib

import keras
import numpy as np

# Loading needs the project's own layers registered.
import robust_tf.layers  # noqa: F401
from robust_tf.errors import InputError

CHECKPOINTS = ("checkpoints/best.keras", "checkpoints/last.keras")


def load(path: str | os.PathLike[str], dtype: str | None = None) -> keras.Model:
    """Returns the network in a run directory, its best before its last, or in a .keras file.

    Args:
      path: a run directory or a .keras file.
      dtype: what it computes in, such as float32 for an evaluation; None is what it was trained in.
    """
    network = _read(_find(pathlib.Path(path)))
    return network if dtype is None else _in_dtype(network, dtype)


def fingerprint(network: keras.Model) -> str:
    """Of the weights: tells a network from one that was trained anew in the same place."""
    digest = hashlib.sha256()
    for weight in network.get_weights():
        digest.update(np.ascontiguousarray(weight))
    return digest.hexdigest()[:16]


def _find(path: pathlib.Path) -> pathlib.Path:
    if path.is_dir():
        found = next((path / name for name in CHECKPOINTS if (path / name).is_file()), None)
        if found is None:
            raise InputError(f"{path} holds no network; expected {' or '.join(CHECKPOINTS)}.")
        return found
    if path.suffix != ".keras" or not path.is_file():
        raise InputError(f"{path} is no network; expected a run directory or a .keras file.")
    return path


def _read(path: pathlib.Path) -> keras.Model:
    try:
        return keras.saving.load_model(path, compile=False)
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise InputError(
            f"{path} cannot be loaded; expected a network that Keras {keras.__version__} reads."
        ) from error


def _in_dtype(network: keras.Model, dtype: str) -> keras.Model:
    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if not isinstance(layer, keras.layers.InputLayer):
            config["dtype"] = dtype
        return type(layer).from_config(config)

    twin = keras.models.clone_model(network, clone_function=clone)
    twin.set_weights(network.get_weights())
    return twin
