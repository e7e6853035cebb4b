"""Tests of robust_tf.victim."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from robust_tf import networks
from robust_tf.attacks import PGD
from robust_tf.threat import Threat
from robust_tf.victim import network_victim
from tests.linear import linear_network, random_images, seeds

X = random_images(6)
LABEL = tf.constant([0, 1, 2, 0, 1, 2])
WEIGHTS = np.arange(12).reshape(4, 3) / 4 - 1


class Spy(keras.layers.Layer):
    """Passes its input on and remembers the training flag of each call."""

    def __init__(self):
        super().__init__()
        self.flags = []

    def call(self, x, training=None):
        """The input."""
        self.flags.append(training)
        return x


def _normed_network() -> keras.Model:
    """Batch norm whose moving statistics are far from those of any batch, then a linear layer."""
    images = keras.Input((2, 2, 1))
    norm = keras.layers.BatchNormalization(name="norm")
    spy = Spy()
    dense = keras.layers.Dense(3)
    network = keras.Model(images, dense(keras.layers.Flatten()(spy(norm(images)))))
    norm.moving_mean.assign([0.25])
    norm.moving_variance.assign([4.0])
    dense.kernel.assign(WEIGHTS)
    spy.flags.clear()
    network.spy = spy
    return network


def _state(network: keras.Model) -> list[np.ndarray]:
    return [v.numpy() for v in network.variables]


def test_a_tensor_becomes_logits_and_a_dictionary_passes():
    network = linear_network(WEIGHTS)
    np.testing.assert_allclose(
        network_victim(network)(X, seeds(6))["logits"], X.reshape(6, 4) @ WEIGHTS, atol=1e-6
    )
    tapped = keras.Model(network.input, {"logits": network.output, "pixels": network.input})
    outputs = network_victim(tapped)(tf.constant(X), seeds(6))
    assert set(outputs) == {"logits", "pixels"}
    np.testing.assert_array_equal(outputs["pixels"], X)


@pytest.mark.parametrize("batch_statistics", [False, True])
def test_an_attack_sees_one_mode_and_moves_no_variable(batch_statistics):
    network = _normed_network()
    before = _state(network)
    victim = network_victim(network, batch_statistics=batch_statistics)
    attack = PGD(Threat("Linf", 0.1), steps=3, restarts=2)
    attack(victim, tf.constant(X), LABEL, seeds(6))
    # Two restarts of three steps, and each restart's judgement.
    assert network.spy.flags == [batch_statistics] * 8
    for was, now in zip(before, _state(network), strict=True):
        np.testing.assert_array_equal(was, now)


def test_a_graph_of_an_attack_moves_no_variable():
    network = _normed_network()
    before = _state(network)
    victim = network_victim(network, batch_statistics=True)
    attack = tf.function(lambda x: PGD(Threat("L2", 0.1), steps=2)(victim, x, LABEL, seeds(6)))
    attack(tf.constant(X))
    for was, now in zip(before, _state(network), strict=True):
        np.testing.assert_array_equal(was, now)


def test_batch_statistics_are_those_of_training():
    network = _normed_network()
    by_batch = network_victim(network, batch_statistics=True)(tf.constant(X), seeds(6))["logits"]
    moving = network_victim(network)(tf.constant(X), seeds(6))["logits"]
    normed = (X - X.mean()) / np.sqrt(X.var() + 1e-3)
    np.testing.assert_allclose(by_batch, normed.reshape(6, 4) @ WEIGHTS, atol=1e-5)
    still = (X - 0.25) / np.sqrt(4.0 + 1e-3)
    np.testing.assert_allclose(moving, still.reshape(6, 4) @ WEIGHTS, atol=1e-5)
    np.testing.assert_allclose(by_batch, network(X, training=True), atol=1e-6)


@pytest.mark.parametrize("batch_statistics", [False, True])
def test_a_twin_lends_its_shape_and_not_its_weights(batch_statistics):
    network, twin = _normed_network(), _normed_network()
    for variable in twin.variables:
        variable.assign(tf.zeros_like(variable.value))
    with_twin = network_victim(network, twin=twin, batch_statistics=batch_statistics)
    without = network_victim(network, batch_statistics=batch_statistics)
    x = tf.constant(X)
    np.testing.assert_allclose(
        with_twin(x, seeds(6))["logits"], without(x, seeds(6))["logits"], atol=1e-6
    )
    assert network.spy.flags == twin.spy.flags == [batch_statistics]
    # And follows them.
    network.layers[-1].kernel.assign(-WEIGHTS)
    np.testing.assert_allclose(
        with_twin(x, seeds(6))["logits"], without(x, seeds(6))["logits"], atol=1e-6
    )


def test_a_bfloat16_twin_is_close_and_not_the_same():
    shape = (8, 8, 1)
    network = networks.build("cnn-small", shape, 10)
    twin = networks.build("cnn-small", shape, 10, dtype="mixed_bfloat16", seed=1)
    x = tf.constant(np.random.default_rng(0).uniform(size=(4, *shape)), tf.float32)
    full = network_victim(network)(x, seeds(4))["logits"].numpy()
    low = network_victim(network, twin=twin)(x, seeds(4))["logits"].numpy()
    assert low.dtype == np.float32
    difference = np.abs(full - low).max() / np.abs(full).max()
    assert 0 < difference < 0.05


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
