"""Tests of robust_tf.experiment.surrogates, around a small Feature Pyramid Decoder."""

import numpy as np
import pytest
import tensorflow as tf

from robust_tf import networks
from robust_tf.errors import InputError
from robust_tf.experiment.surrogates import surrogate
from robust_tf.victim import network_victim
from tests.linear import linear_network

SHAPE = (8, 8, 1)
X = tf.constant(np.random.default_rng(0).uniform(size=(3, *SHAPE)).astype(np.float32))


def _build(head: str, clean: str = "middle"):
    options = dict(activation="elu", head=head, fpd=networks.FPD("full", clean=clean))
    return networks.build("wrn-10-1", SHAPE, 10, **options)


def _stand_in(name: str, network):
    return surrogate(name, network_victim(network), network, None, seed=0)


@pytest.mark.parametrize("clean", ["middle", "average"])
def test_identity_gives_the_networks_outputs_and_the_second_passs_gradient(clean):
    network = _build("tanh", clean)
    stand_in = _stand_in("identity", network)
    before = networks.outputs(network, ["before_squeeze"])(X)["before_squeeze"]
    np.testing.assert_allclose(stand_in(X, None)["logits"], before, atol=1e-5)
    second = networks.second_pass(network, "before_squeeze")
    restored = networks.restorer(network)(X)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([X, restored])
        through = tf.reduce_sum(stand_in(X, None)["logits"][:, 3])
        direct = tf.reduce_sum(second([restored, X])[:, 3])
    # dx'/dx = 1, and of an average the image's own half.
    expected = tape.gradient(direct, restored)
    if clean == "average":
        expected += tape.gradient(direct, X)
    np.testing.assert_allclose(tape.gradient(through, X), expected, atol=1e-5)
    assert np.abs(expected).max() > 1e-4


def test_one_pass_takes_the_image_for_the_restored_one():
    network = _build("linear")
    second = networks.second_pass(network, "logits")
    np.testing.assert_array_equal(_stand_in("one-pass", network)(X, None)["logits"], second([X, X]))


@pytest.mark.parametrize("name", ["identity", "one-pass"])
def test_a_network_that_restores_nothing_has_none(name):
    network = networks.build("cnn-small", SHAPE, 10)
    with pytest.raises(InputError, match=f"A transfer from {name} needs a Feature Pyramid Decoder"):
        _stand_in(name, network)


def test_a_substitute_is_trained_on_answers():
    rng = np.random.default_rng(1)
    network = linear_network(rng.normal(size=(64, 3)), shape=SHAPE)
    images = rng.uniform(size=(1000, *SHAPE)).astype(np.float32)
    stand_in = surrogate("dense", network_victim(network), None, lambda: images[:900], seed=0)
    agree = np.argmax(stand_in(images, None)["logits"], -1) == np.argmax(network(images), -1)
    assert np.mean(agree[900:]) > 0.6


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
