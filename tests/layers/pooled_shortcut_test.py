"""The pooled and zero-padded shortcut, by hand."""

import keras
import numpy as np
import pytest

from robust_tf.layers import PooledShortcut


def test_averages_windows_and_pads_channels_on_both_sides():
    x = np.arange(4, dtype="float32").reshape(1, 2, 2, 1)
    got = PooledShortcut(4, 2)(x).numpy()
    assert got.shape == (1, 1, 1, 4)
    # Three channels are missing: one goes before, two after.
    assert got.ravel().tolist() == [0, 1.5, 0, 0]


def test_stride_one_only_pads():
    x = np.random.default_rng(0).random((2, 3, 3, 2), dtype="float32")
    got = PooledShortcut(6, 1)(x).numpy()
    np.testing.assert_array_equal(got[..., 2:4], x)
    assert not got[..., :2].any() and not got[..., 4:].any()


def test_odd_maps_get_the_size_of_a_strided_convolution():
    layer = PooledShortcut(1, 2)
    got = layer(np.arange(9, dtype="float32").reshape(1, 3, 3, 1)).numpy()
    # A window over the edge is the mean of what lies inside.
    assert got.ravel().tolist() == [2, 3.5, 6.5, 8]
    assert layer.compute_output_shape((None, 3, None, 1)) == (None, 2, None, 1)


def test_refuses_to_drop_channels():
    with pytest.raises(ValueError, match="narrow cannot shrink 3 channels to 2"):
        PooledShortcut(2, 1, name="narrow")(np.zeros((1, 2, 2, 3), "float32"))


def test_config_makes_the_layer_again():
    layer = PooledShortcut(8, 2, name="shortcut", dtype="float64")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
