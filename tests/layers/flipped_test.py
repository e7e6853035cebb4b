"""Flipped swaps left and right."""

import numpy as np
import pytest

from robust_tf.layers import Flipped


def test_swaps_left_and_right():
    x = np.arange(12, dtype=np.float32).reshape(1, 2, 3, 2)
    np.testing.assert_array_equal(Flipped()(x), x[:, :, ::-1])
    assert Flipped().compute_output_shape((None, 2, 3, 2)) == (None, 2, 3, 2)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
