"""Tests of robust_tf.attacks.names."""

import json

import numpy as np
import pytest
import tensorflow as tf

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


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
