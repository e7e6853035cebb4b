"""A loaded SavedModel: its signatures, what they take and give, and a call of each."""

import pathlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis.get_model_metadata_pb2 import SignatureDefMap

from robust_tf.errors import InputError, unknown

DEFAULT_SIGNATURE = "serving_default"
Arrays = dict[str, np.ndarray]


def is_batched(spec: tf.TensorSpec) -> bool:
    """Whether a tensor's first side is the number of images."""
    return bool(spec.shape.rank) and spec.shape[0] is None


class Signature:
    """One signature of a model.

    Attributes:
      name: as in the SavedModel.
      inputs: the tensors that it takes, by name.
      outputs: the tensors that it gives, by name.
      joinable: whether several requests can share a call: everything has a row for each image.
        A scalar, such as a seed, belongs to one request alone.
    """

    def __init__(self, name: str, function: Callable):
        self.name = name
        self.inputs: dict[str, tf.TensorSpec] = dict(function.structured_input_signature[1])
        self.outputs: dict[str, tf.TensorSpec] = dict(function.structured_outputs)
        specs = (*self.inputs.values(), *self.outputs.values())
        self.joinable = bool(self.inputs) and all(map(is_batched, specs))
        self._function = function

    def __call__(self, arrays: Arrays) -> Arrays:
        """The outputs for inputs that were checked."""
        tensors = {
            name: tf.constant(arrays[name], spec.dtype) for name, spec in self.inputs.items()
        }
        return {name: value.numpy() for name, value in self._function(**tensors).items()}


class Model:
    """One version of a model.

    Args:
      path: the SavedModel.
      number: its version.

    Attributes:
      number: the version.
      path: the SavedModel.
      signatures: by name.
      definitions: the signatures as the SavedModel has them, for metadata.
    """

    def __init__(self, path: pathlib.Path, number: int):
        self.number = number
        self.path = path
        # Signatures hold their model weakly.
        self._loaded = tf.saved_model.load(str(path))
        self.signatures = {
            name: Signature(name, function) for name, function in self._loaded.signatures.items()
        }
        if not self.signatures:
            raise InputError(f"{path} has no signatures; expected at least one.")
        self.definitions = _definitions(path)

    def signature(self, name: str) -> Signature:
        """The signature of this name; the default one for an empty name."""
        name = name or DEFAULT_SIGNATURE
        if name not in self.signatures:
            raise unknown("signature_name", name, self.signatures)
        return self.signatures[name]


def _definitions(path: pathlib.Path) -> SignatureDefMap:
    """The SignatureDefs of a SavedModel."""
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((path / "saved_model.pb").read_bytes())
    found = SignatureDefMap()
    for name, definition in saved.meta_graphs[0].signature_def.items():
        found.signature_def[name].CopyFrom(definition)
    return found
