"""Bilinear beside a row computed by hand, and beside TensorFlow's own."""

import numpy as np
import pytest
import tensorflow as tf

from robust_tf.layers import Bilinear

X = np.random.default_rng(0).random((2, 3, 4, 2))


def test_a_row_by_hand():
    x = np.array([0.0, 8.0], np.float32).reshape(1, 1, 2, 1)
    np.testing.assert_array_equal(np.ravel(Bilinear(1, 4)(x)), [0, 2, 6, 8])
    np.testing.assert_array_equal(np.ravel(Bilinear(1, 2)(x)), [0, 8])


@pytest.mark.parametrize("size", [(6, 8), (5, 7), (3, 4), (3, 8)])
def test_equals_tensorflows_in_float32(size):
    expected = tf.image.resize(X, size, method="bilinear")
    np.testing.assert_allclose(Bilinear(*size)(X.astype(np.float32)), expected, atol=1e-6)
    assert Bilinear(*size).compute_output_shape((None, 3, 4, 2)) == (None, *size, 2)


def test_float64_is_not_rounded():
    layer = Bilinear(3, 7, dtype="float64")
    rows = X.mean(axis=2, keepdims=True)
    constant = np.broadcast_to(rows, X.shape)
    np.testing.assert_allclose(layer(constant), np.broadcast_to(rows, (2, 3, 7, 2)), rtol=1e-15)
    assert Bilinear.from_config(layer.get_config()).width == 7


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
