"""Tests of robust_tf.serving.client.tensors: TensorFlow's own tensors, both ways."""

import numpy as np
import pytest
import tensorflow as tf

from robust_tf.serving.client import tensors
from robust_tf.serving.client.failures import RequestFailed


def test_files_become_the_tensor_that_tensorflow_makes():
    files = [b"", b"\x00\xff", b"image"]
    assert tensors.strings(files) == tf.make_tensor_proto(files, shape=[3])


@pytest.mark.parametrize("kind", ["float32", "float64", "int32", "int64", "bool"])
@pytest.mark.parametrize("shape", [(3,), (1,), (2, 3), (1, 1), (2, 3, 4), (2, 0), (0,)])
def test_values_are_those_of_tensorflow(kind, shape):
    values = np.random.default_rng(0).integers(-5, 5, shape).astype(kind)
    assert tensors.nested("y", tf.make_tensor_proto(values)) == values.tolist()


@pytest.mark.parametrize(("given", "expected"), [([], [0.0] * 3), ([1.5, 2.0], [1.5, 2.0, 2.0])])
def test_values_that_are_left_out_are_the_last_or_zero(given, expected):
    tensor = tf.make_tensor_proto([1.0, 2.0, 3.0])
    tensor.tensor_content = b""
    tensor.float_val.extend(given)
    assert tensors.nested("y", tensor) == expected
    assert tf.make_ndarray(tensor).tolist() == expected


def test_what_cannot_be_read_is_refused():
    with pytest.raises(RequestFailed, match="The output y is of type 7; expected DT_FLOAT"):
        tensors.nested("y", tf.make_tensor_proto(["text"]))
    tensor = tf.make_tensor_proto([1.0, 2.0, 3.0])
    tensor.tensor_shape.dim[0].size = 4
    with pytest.raises(RequestFailed, match=r"The output y has other values than its shape \[4\]"):
        tensors.nested("y", tensor)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
