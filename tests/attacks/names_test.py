"""Tests of robust_tf.attacks.names."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from robust_tf import losses, networks
from robust_tf.attacks import (
    APGD,
    FAB,
    PGD,
    CarliniWagner,
    DeepFool,
    Ensemble,
    MultiTargeted,
    NAttack,
    Square,
    Sweep,
    Transfer,
    autoattack,
    compiled,
    fgsm,
    hyperparameters,
    named,
)
from robust_tf.attacks.aims import LEAST_LIKELY, RANDOM
from robust_tf.attacks.nearest import NearestOf
from robust_tf.losses import Margin, cross_entropy
from robust_tf.threat import Threat
from robust_tf.victim import network_victim
from tests.linear import linear_network, random_images, seeds

THREAT = Threat("L2", 0.5)


def test_names_by_hand():
    linf = Threat("Linf", 0.5)
    assert named("clean", THREAT) == PGD(THREAT, steps=0)
    assert named("fgsm", THREAT) == fgsm(THREAT)
    assert named("pgd-7", THREAT) == PGD(THREAT, loss=cross_entropy, steps=7, step_size=0.125)
    assert named("cw-100", THREAT) == PGD(THREAT, loss=Margin(50.0), steps=100)
    assert named("mifgsm-4", THREAT) == PGD(
        THREAT, steps=4, step_size=0.125, momentum=1.0, start="none"
    )
    assert named("pgd-targeted-5", THREAT) == PGD(THREAT, steps=5, aim=RANDOM)
    assert named("pgd-multitargeted-5", THREAT) == MultiTargeted(
        PGD(THREAT, steps=5, loss=losses.targeted_margin)
    )
    assert named("apgd-dlr", THREAT) == APGD(THREAT, loss=losses.dlr)
    assert named("fab-t", THREAT) == FAB(THREAT)
    assert named("deepfool", linf) == DeepFool(linf)
    # Whatever the threat model's norm is, it minimises L2.
    assert named("cw-l2", linf) == CarliniWagner(THREAT)
    assert named("nattack", THREAT) == NAttack(THREAT, steps=200, population=300)
    for version in ("standard", "plus", "rand"):
        name = "autoattack" if version == "standard" else f"autoattack-{version}"
        assert named(name, THREAT) == autoattack(THREAT, version)


def test_runs_of_other_lengths_by_hand():
    assert named("apgd-t-20", THREAT) == APGD(THREAT, loss=losses.targeted_dlr, targets=9, steps=20)
    assert named("fab-5", THREAT, judge=True) == FAB(THREAT, targets=0, steps=5, judge=True)
    assert named("apgd-ce-7-eot3", THREAT) == APGD(THREAT, steps=7, eot=3)


def test_names_compose():
    ensemble = named("apgd-ce+square", THREAT, judge=True)
    stages = {"apgd-ce": APGD(THREAT, judge=True), "square": Square(THREAT, judge=True)}
    assert ensemble == Ensemble(THREAT, stages)
    nested = named("fgsm+autoattack-rand", THREAT).stages
    assert list(nested) == ["fgsm", "autoattack-rand/apgd-ce", "autoattack-rand/apgd-dlr"]
    # What is judged after each of its steps, or by another network, has no judge of its own.
    sweep = named("pgd-5/20", THREAT, judge=True)
    assert sweep == Sweep({"pgd-5": PGD(THREAT, steps=5), "pgd-20": PGD(THREAT, steps=20)})
    victims = {"runs/other": network_victim(linear_network(np.eye(4)))}
    transfer = named("transfer:pgd-5@runs/other", THREAT, victims.get, judge=True)
    assert transfer == Transfer(PGD(THREAT, steps=5), victims["runs/other"])


def test_options_reach_the_attack():
    options = dict(step_size=0.1, restarts=3, aim=RANDOM, kappa=2.0)
    expected = PGD(
        THREAT, loss=Margin(2.0, targeted=True), aim=RANDOM, steps=5, step_size=0.1, restarts=3
    )
    assert named("cw-5", THREAT, **options) == expected
    assert named("fgsm", THREAT, **options) == fgsm(THREAT, aim=RANDOM)
    assert named("clean", THREAT, **options) == PGD(THREAT, steps=0, aim=RANDOM)
    assert named("pgd-targeted-5", THREAT, aim=LEAST_LIKELY).aim is LEAST_LIKELY
    assert named("apgd-ce", THREAT, restarts=3).restarts == 3
    assert named("fgsm", THREAT, start="uniform") == fgsm(THREAT, start="uniform")
    assert named("pgd-5", THREAT, start="none").start == "none"


def test_the_step_rule_of_paper_1():
    """max(1, 16 / K) of 255: up to 16 steps reach 16, more of them are of one level."""
    threat = Threat("Linf", 16 / 255)
    sweep = named("pgd-10/16/100", threat, step_rule="caad")
    assert [attack.step_size for attack in sweep.attacks.values()] == [1.6 / 255, 1 / 255, 1 / 255]


def test_both_sides_of_a_squeeze_are_attacked():
    both = dict(outputs=("logits", "before_squeeze"))
    before = losses.OfOutput("before_squeeze", cross_entropy)
    assert named("pgd-5", THREAT, **both) == Ensemble(
        THREAT,
        {"pgd-5": PGD(THREAT, steps=5), "pgd-5@before_squeeze": PGD(THREAT, steps=5, loss=before)},
    )
    autoattacked = named("autoattack", THREAT, **both).stages
    assert list(autoattacked) == [
        *("apgd-ce", "apgd-ce@before_squeeze", "apgd-t", "apgd-t@before_squeeze"),
        *("fab-t", "fab-t@before_squeeze", "square"),
    ]
    assert autoattacked["fab-t@before_squeeze"] == FAB(THREAT, output="before_squeeze")
    targeted = named("pgd-targeted-5", THREAT, **both)
    assert targeted == PGD(THREAT, steps=5, aim=RANDOM, loss=before)
    # It looks at answers alone.
    assert named("square", THREAT, **both) == Square(THREAT)
    for name in ("deepfool", "cw-l2"):
        alone = named(name, THREAT, outputs=("before_squeeze",))
        assert named(name, THREAT, **both) == NearestOf((named(name, THREAT), alone))
    assert named("pgd-5/10", THREAT, **both).outputs == ("logits", "before_squeeze")
    for name in ("pgd-multitargeted-5", "fgsm", "apgd-t"):
        alone = named(name, THREAT, outputs=("before_squeeze",))
        assert alone == named(name, THREAT, **both).stages[f"{name}@before_squeeze"]
        assert "before_squeeze" in str(hyperparameters(alone))


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
        attack = named(name, threat, step_size=1.0, kappa=1000.0, outputs=("before_squeeze",))
        np.testing.assert_allclose(attack(victim, *batch), x - 0.5, atol=1e-6)
    np.testing.assert_array_equal(named("fgsm", threat)(victim, *batch), x)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
