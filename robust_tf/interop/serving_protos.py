"""TensorFlow Serving's messages without TensorFlow: a client should not wait seconds for it.

    from robust_tf.interop import serving_protos
    request = serving_protos.predict_pb2.PredictRequest()

The messages import from tensorflow.core, which is a folder of protos; a stand-in for the package
above it lets them, and does not stay among Python's modules.
"""

import contextlib
import importlib.util
import sys
import types
from collections.abc import Iterator

_TENSORFLOW = "tensorflow"


@contextlib.contextmanager
def _importable() -> Iterator[None]:
    """Within it, TensorFlow's folders can be imported, but its __init__ does not run."""
    if _TENSORFLOW in sys.modules:
        yield
        return
    stand_in = types.ModuleType(_TENSORFLOW)
    stand_in.__path__ = list(importlib.util.find_spec(_TENSORFLOW).submodule_search_locations)
    sys.modules[_TENSORFLOW] = stand_in
    try:
        yield
    finally:
        del sys.modules[_TENSORFLOW]


with _importable():
    from tensorflow.core.framework import tensor_pb2, types_pb2
    from tensorflow_serving.apis import (
        get_model_metadata_pb2,
        model_pb2,
        predict_pb2,
        prediction_service_pb2_grpc,
    )

__all__ = [
    "get_model_metadata_pb2",
    "model_pb2",
    "predict_pb2",
    "prediction_service_pb2_grpc",
    "tensor_pb2",
    "types_pb2",
]
