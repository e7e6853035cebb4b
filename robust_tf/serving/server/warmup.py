"""The first calls of a version, before it is served: they show that it runs, and make it fast."""

import pathlib

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from robust_tf.serving.server.inputs import ENCODED
from robust_tf.serving.server.model import Arrays, Model, Signature, is_batched

REQUESTS = pathlib.Path("assets.extra") / "tf_serving_warmup_requests"


def warm_up(model: Model) -> None:
    """Calls every signature once with zeros; or what the version's warm-up file has instead."""
    file = model.path / REQUESTS
    if file.exists():
        for name, arrays in _recorded(file):
            model.signature(name)(arrays)
        return
    for signature in model.signatures.values():
        zeros = _zeros(signature)
        if zeros is not None:
            signature(zeros)


def _recorded(file: pathlib.Path) -> list[tuple[str, Arrays]]:
    """The predict requests of a warm-up file, each with its signature's name."""
    requests = []
    for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
        log = PredictionLog.FromString(record)
        if log.HasField("predict_log"):
            request = log.predict_log.request
            arrays = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
            requests.append((request.model_spec.signature_name, arrays))
    return requests


def _zeros(signature: Signature) -> Arrays | None:
    """A batch of one for a signature; None where it leaves an image's size open."""
    arrays = {}
    for name, spec in signature.inputs.items():
        if spec.shape.rank is None:
            return None
        shape = [1, *spec.shape[1:]] if is_batched(spec) else list(spec.shape)
        if None in shape:
            return None
        if spec.dtype == tf.string:
            arrays[name] = np.full(shape, _black() if name.endswith(ENCODED) else b"", object)
        else:
            arrays[name] = np.zeros(shape, spec.dtype.as_numpy_dtype)
    return arrays


def _black() -> bytes:
    """A small PNG file."""
    return tf.io.encode_png(tf.zeros([8, 8, 3], tf.uint8)).numpy()
