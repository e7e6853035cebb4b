"""Tests of robust_tf.interop.serving_protos: without TensorFlow, and before it."""

import subprocess
import sys

import pytest

from tests.commands.running import environment

PROGRAM = """
import sys
from robust_tf.interop import serving_protos
from robust_tf.serving.client import query, report, rpc
assert not [name for name in sys.modules if name.startswith(("tensorflow.python", "keras"))]
assert "tensorflow" not in sys.modules
request = serving_protos.predict_pb2.PredictRequest()
request.inputs["x"].string_val.append(b"content")
assert serving_protos.predict_pb2.PredictRequest.FromString(request.SerializeToString()) == request
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
assert tensor_pb2 is serving_protos.tensor_pb2
request.inputs["x"].CopyFrom(tf.make_tensor_proto([1.5]))
assert tf.make_ndarray(request.inputs["x"]).tolist() == [1.5]
"""


def test_the_messages_do_not_need_tensorflow_and_live_beside_it():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
