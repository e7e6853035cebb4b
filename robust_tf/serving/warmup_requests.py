"""The requests that warm an export up, in assets.extra/tf_serving_warmup_requests.

    write(version, {"serving_default": tf.TensorSpec((None, 32, 32, 3), tf.float32, "images")})

TensorFlow Serving sends them to a version before it serves it, and so does the local server. They
are one image for each signature: what a first call takes longer (0.2 s, of a defended signature
0.9 s: wrn-16-2 on two cores) is the same for any number of images, and is not saved by calls of
other signatures.
"""

import pathlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

FILE = "tf_serving_warmup_requests"


def write(assets_extra: pathlib.Path, inputs: Mapping[str, tf.TensorSpec]) -> None:
    """Writes the file.

    Args:
      assets_extra: that folder of an export.
      inputs: the only input of each signature, by the signature's name.
    """
    image_shape = next(tuple(spec.shape[1:]) for spec in inputs.values() if spec.shape.rank == 4)
    pixels = _pixels(image_shape)
    with tf.io.TFRecordWriter(str(assets_extra / FILE)) as file:
        for name, spec in inputs.items():
            log = PredictionLog()
            request = log.predict_log.request
            request.model_spec.signature_name = name
            request.inputs[spec.name].CopyFrom(tf.make_tensor_proto(_batch(pixels, spec.dtype)))
            file.write(log.SerializeToString())


def _pixels(image_shape: tuple[int, ...]) -> np.ndarray:
    """An image that grows from black to white: smooth, as photographs are."""
    return np.linspace(0, 255, np.prod(image_shape)).astype(np.uint8).reshape(image_shape)


def _batch(pixels: np.ndarray, dtype: tf.DType) -> np.ndarray:
    """The image as an input of this type has it, alone in its batch."""
    if dtype == tf.string:
        return np.array([tf.io.encode_jpeg(pixels).numpy()], object)
    return pixels[None] if dtype == tf.uint8 else pixels[None].astype(np.float32) / 255
