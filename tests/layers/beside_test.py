"""Beside hands on its first input, and keeps what makes the second in the network."""

import keras
import numpy as np
import pytest

from robust_tf.layers import Beside


def test_the_second_input_stays_in_the_network_through_save_and_load(tmp_path):
    images = keras.Input((2, 3))
    kept = keras.layers.Dense(4, name="kept")(images)
    network = keras.Model(images, Beside()([keras.layers.Dense(5, name="main")(images), kept]))
    network.save(tmp_path / "n.keras")
    loaded = keras.saving.load_model(tmp_path / "n.keras")
    x = np.random.default_rng(0).normal(size=(1, 2, 3)).astype(np.float32)
    for model in (network, loaded):
        np.testing.assert_array_equal(model(x), network.get_layer("main")(x))
        # TensorFlow and NumPy may add up in another order.
        expected = x @ model.get_layer("kept").kernel.numpy()
        np.testing.assert_allclose(model.get_layer("kept")(x), expected, atol=1e-6)
    assert loaded.output_shape == (None, 2, 5)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
