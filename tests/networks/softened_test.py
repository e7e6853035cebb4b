"""Twins without corners."""

import keras
import numpy as np
import pytest

from robust_tf import networks
from robust_tf.errors import InputError
from robust_tf.layers import SoftReLU

X = np.random.default_rng(0).uniform(size=(2, 8, 8, 3)).astype(np.float32)


def test_the_activation_by_hand():
    x = np.array([-3.0, -0.1, 0.0, 0.1, 3.0], np.float32)
    plain = SoftReLU(0.0, 0.1)(x).numpy()
    np.testing.assert_allclose(plain, 0.1 * np.log1p(np.exp(x / 0.1)), rtol=1e-5, atol=1e-7)
    assert plain[2] == pytest.approx(0.1 * np.log(2))
    leaky = SoftReLU(0.25, 0.1)(x).numpy()
    np.testing.assert_allclose(leaky, 0.25 * x + 0.75 * plain, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_the_softer_the_farther_from_the_network(activation):
    network = networks.build("wrn-10-1", (8, 8, 3), 3, activation=activation, seed=1)
    exact = network(X, training=False).numpy()
    differences = []
    for softness in (1e-4, 1e-2, 1.0):
        twin = networks.softened(network, softness)
        kinds = {type(layer) for layer in twin.layers}
        assert SoftReLU in kinds and not kinds & {keras.layers.ReLU, keras.layers.LeakyReLU}
        differences.append(np.abs(twin(X, training=False).numpy() - exact).max())
    assert differences[0] < 1e-3 < differences[2] and differences == sorted(differences)


def test_the_network_stays_as_it_is():
    network = networks.build("wrn-10-1", (8, 8, 3), 3, seed=1)
    before = networks.fingerprint(network)
    twin = networks.softened(network, 0.1)
    twin.set_weights([0 * weight for weight in twin.get_weights()])
    assert networks.fingerprint(network) == before


def test_an_activation_within_another_layer_gets_its_sentence():
    images = keras.Input((8, 8, 3))
    network = keras.Model(images, keras.layers.Conv2D(2, 3, activation="relu", name="c")(images))
    with pytest.raises(InputError, match="The layer c has its activation within"):
        networks.softened(network, 0.1)


def test_no_softness_gets_its_sentence():
    network = networks.build("cnn-small", (8, 8, 3), 3)
    with pytest.raises(InputError, match="softness above 0, got 0"):
        networks.softened(network, 0)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
