"""Tests of robust_tf.attacks.names."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from robust_tf import networks
from robust_tf.attacks import PGD, compiled, fgsm, hyperparameters, named
from robust_tf.attacks.aims import RANDOM
from robust_tf.errors import InputError
from robust_tf.losses import Margin, cross_entropy
from robust_tf.threat import Threat
from robust_tf.victim import network_victim
from tests.linear import linear_network, random_images, seeds

THREAT = Threat("L2", 0.5)


def test_names_by_hand():
    assert named("clean", THREAT) == PGD(THREAT, steps=0)
    assert named("fgsm", THREAT) == fgsm(THREAT)
    assert named("pgd-7", THREAT) == PGD(THREAT, loss=cross_entropy, steps=7, step_size=0.125)
    assert named("cw-100", THREAT) == PGD(THREAT, loss=Margin(50.0), steps=100)


def test_options_reach_the_attack():
    options = dict(step_size=0.1, restarts=3, aim=RANDOM, kappa=2.0)
    expected = PGD(
        THREAT, loss=Margin(2.0, targeted=True), aim=RANDOM, steps=5, step_size=0.1, restarts=3
    )
    assert named("cw-5", THREAT, **options) == expected
    assert named("fgsm", THREAT, **options) == fgsm(THREAT, aim=RANDOM)
    assert named("clean", THREAT, **options) == PGD(THREAT, steps=0, aim=RANDOM)


@pytest.mark.parametrize(
    "name", ["pgd", "pgd-0", "pgd-", "pgd-1.5", "cw--3", "PGD-20", "", "deepfool"]
)
def test_an_unknown_name_gets_its_sentence(name):
    with pytest.raises(InputError, match=f"^{name} is no attack; expected one of clean, fgsm, "):
        named(name, THREAT)


def test_hyperparameters_are_what_json_takes():
    attack = named("cw-5", THREAT, kappa=2.0, restarts=2)
    assert json.loads(json.dumps(hyperparameters(attack))) == {
        "loss": "Margin(kappa=2.0, targeted=False)",
        "aim": "untargeted",
        "steps": 5,
        "step_size": 0.125,
        "start": "uniform",
        "clean_start": 0.0,
        "momentum": 0.0,
        "restarts": 2,
        "judge": False,
    }
    assert hyperparameters(named("pgd-5", THREAT))["loss"] == "cross_entropy"


def test_compiled_by_xla_gives_the_same_images():
    # XLA draws other numbers: the random start is left out.
    attack = PGD(Threat("L2", 0.1), steps=2, start="none")
    assert compiled(attack, xla=False) is attack
    victim = network_victim(linear_network(np.arange(12).reshape(4, 3) % 5))
    batch = (tf.constant(random_images(4)), tf.constant([0, 1, 2, 0]), seeds(4))
    np.testing.assert_allclose(
        compiled(attack, xla=True)(victim, *batch), attack(victim, *batch), atol=1e-5
    )


def test_an_attack_before_the_squeeze_finds_what_the_squeezed_logits_hide():
    """Logits of 12 and -12 are 1 and -1 after Tanh, whose gradient is 0 there in float32."""
    images = keras.Input((2, 2, 1))
    linear = keras.layers.Dense(2, use_bias=False, name="before_squeeze")
    logits = keras.layers.Activation("tanh", name="logits")(linear(keras.layers.Flatten()(images)))
    linear.set_weights([np.array([[6.0, -6.0]] * 4)])
    victim = network_victim(networks.outputs(keras.Model(images, logits), ["before_squeeze"]))
    x = tf.fill((3, 2, 2, 1), 0.5)
    batch = (x, tf.constant([0, 0, 0]), seeds(3))
    threat = Threat("Linf", 0.5)
    for name in ("fgsm", "pgd-2", "cw-2"):
        attack = named(name, threat, step_size=1.0, kappa=1000.0, output="before_squeeze")
        np.testing.assert_allclose(attack(victim, *batch), x - 0.5, atol=1e-6)
    np.testing.assert_array_equal(named("fgsm", threat)(victim, *batch), x)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
