"""Tests of robust_tf.attacks.multi_targeted: the class that a runner-up hides."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from robust_tf import losses
from robust_tf.attacks import PGD, hyperparameters
from robust_tf.attacks.aims import RANDOM
from robust_tf.attacks.multi_targeted import MultiTargeted
from robust_tf.errors import InputError
from robust_tf.losses import Margin
from robust_tf.threat import Threat
from robust_tf.victim import network_victim
from tests.attacks.graphs import attacked
from tests.linear import image, linear_network, random_images, seeds

THREAT = Threat("Linf", 0.125)
GREY = image(0.5, 0.5, 0.5, 0.5)
# Class 0 leads. Class 1 follows it everywhere, 0.25 behind. Class 2, 0.5 behind, gains 1 in the
# ball; class 3 gains 0.5, but is 2 behind.
WEIGHTS = np.array([[0.0, 0.0, 4.0, 0.0], [0, 0, -4, 0], [0, 0, 0, 4], [0, 0, 0, 0]])
BIAS = np.array([0.0, -0.25, -0.5, -4.0])
VICTIM = network_victim(linear_network(WEIGHTS, BIAS))
MARGIN = Margin(float("inf"))


def _pgd(threat=THREAT, **options) -> PGD:
    return PGD(threat, loss=losses.targeted_margin, **options)


def _margins(victim, x, label) -> np.ndarray:
    return MARGIN(victim(tf.constant(x), None), tf.constant(label)).numpy()


class _Counted:
    """A victim that counts the images it is asked about; eager only."""

    def __init__(self, victim):
        self.victim, self.asked = victim, []

    def __call__(self, x, seed):
        self.asked.append(len(x))
        return self.victim(x, seed)


@pytest.mark.parametrize("judge", [False, True])
def test_finds_the_class_that_the_runner_up_hides(judge):
    label = np.array([0])
    untargeted = PGD(THREAT, loss=MARGIN, steps=8, start="none", judge=judge)
    np.testing.assert_array_equal(attacked(untargeted, VICTIM, GREY, label), GREY)
    found = attacked(MultiTargeted(_pgd(steps=8, start="none", judge=judge)), VICTIM, GREY, label)
    assert np.argmax(VICTIM(found, None)["logits"]) == 2
    if not judge:
        np.testing.assert_array_equal(found, image(0.625, 0.375, 0.5, 0.5))


@pytest.mark.parametrize(("targets", "fools"), [(1, False), (2, True)])
def test_targets_are_the_highest_wrong_logits(targets, fools):
    attack = MultiTargeted(_pgd(steps=8, start="none"), targets)
    found = attacked(attack, VICTIM, GREY, [0])
    assert (_margins(VICTIM, found, [0])[0] > 0) == fools


@pytest.mark.parametrize("norm", ["Linf", "L2"])
def test_equals_plain_pgd_where_there_are_two_classes(norm):
    weights = np.array([[1, -1], [0.5, 2], [-3, 1], [1, 4]])
    victim = network_victim(linear_network(weights, [0, -2]))
    x, label = random_images(8), np.arange(8) % 2
    options = dict(steps=5, start="none")
    several = attacked(MultiTargeted(_pgd(Threat(norm, 0.1), **options)), victim, x, label)
    plain = attacked(PGD(Threat(norm, 0.1), loss=MARGIN, **options), victim, x, label)
    np.testing.assert_array_equal(several, plain)
    assert np.abs(plain - x).max() > 0.05


@pytest.mark.parametrize("norm", ["Linf", "L2"])
def test_keeps_the_worst_of_its_runs(norm):
    weights = np.random.default_rng(1).normal(size=(4, 5))
    victim = network_victim(linear_network(weights))
    x, label, threat = random_images(12), np.arange(12) % 5, Threat(norm, 0.1)
    found = attacked(MultiTargeted(_pgd(threat, steps=6, start="none")), victim, x, label)
    alone = []
    for shift in range(1, 5):
        goal = np.stack([label, (label + shift) % 5], axis=1)
        x_adv = x
        for _ in range(6):
            with tf.GradientTape() as tape:
                at = tf.constant(x_adv)
                tape.watch(at)
                loss = losses.targeted_margin(victim(at, None), goal)
            step = threat.epsilon / 4 * threat.steepest(tape.gradient(loss, at))
            x_adv = threat.project(x_adv + step, x).numpy()
        alone.append(_margins(victim, x_adv, label))
    np.testing.assert_allclose(_margins(victim, found, label), np.max(alone, axis=0), atol=1e-5)
    # No one class is everybody's worst.
    assert len(np.unique(np.argmax(alone, axis=0))) > 1


def test_with_judge_the_same_are_fooled_at_less_cost():
    weights = np.random.default_rng(1).normal(size=(4, 5))
    victim = network_victim(linear_network(weights))
    x = random_images(20)
    label = np.argmax(victim(tf.constant(x), None)["logits"], axis=1)
    whole = MultiTargeted(_pgd(Threat("Linf", 0.05), steps=8))
    counted, counted_judged = _Counted(victim), _Counted(victim)
    batch = (tf.constant(x), tf.constant(label), seeds(20))
    fooled = _margins(victim, whole(counted, *batch), label) > 0
    judged = MultiTargeted(dataclasses.replace(whole.pgd, judge=True))
    found = judged(counted_judged, *batch).numpy()
    np.testing.assert_array_equal(_margins(victim, found, label) > 0, fooled)
    assert 0 < fooled.sum() < 20
    # The clean images, then four runs of eight steps and a last look.
    assert counted.asked == [20] * (1 + 4 * 9)
    assert sum(counted_judged.asked) < 0.8 * sum(counted.asked)


@pytest.mark.parametrize("judge", [False, True])
def test_an_image_is_attacked_alike_in_every_batch_and_as_a_graph(judge):
    x, label = random_images(7), np.arange(7) % 4
    attack = MultiTargeted(_pgd(steps=4, restarts=2, judge=judge), 2)
    together = attacked(attack, VICTIM, x, label)
    some = attacked(attack, VICTIM, x, label, which=[5, 1])
    np.testing.assert_allclose(some, together[[5, 1]], atol=1e-6)
    eager = attack(VICTIM, tf.constant(x), tf.constant(label), seeds(7))
    np.testing.assert_allclose(eager, together, atol=1e-6)
    assert np.abs(together - x).max() <= 0.125 + 1e-6
    assert together.min() >= 0 and together.max() <= 1


def test_the_loss_may_be_of_another_output():
    """The logits are squeezed flat: only before the squeeze is there a direction."""

    def victim(x, seed):
        z = VICTIM(x, seed)["logits"]
        return {"logits": tf.round(z), "before_squeeze": z}

    x = image(0.6, 0.5, 0.5, 0.5)
    pgd = PGD(
        Threat("Linf", 0.25),
        loss=losses.OfOutput("before_squeeze", losses.targeted_margin),
        start="none",
    )
    found = attacked(MultiTargeted(pgd), victim, x, [0])
    assert _margins(victim, found, [0])[0] > 0


def test_its_threat_and_judge_are_its_pgds():
    attack = MultiTargeted(_pgd(judge=True))
    assert attack.threat is THREAT and attack.judge
    assert not MultiTargeted(_pgd()).judge
    recorded = hyperparameters(attack)
    assert recorded["targets"] == 9 and recorded["pgd"]["loss"] == "targeted_margin"


@pytest.mark.parametrize(
    ("options", "targets", "sentence"),
    [
        (dict(), 0, "MultiTargeted's targets must be at least 1, got 0."),
        (
            dict(loss=losses.cross_entropy),
            9,
            "MultiTargeted's pgd must be on targeted_margin, got cross_entropy.",
        ),
        (
            dict(aim=RANDOM),
            9,
            "MultiTargeted's pgd must be untargeted, got the aim random.",
        ),
    ],
)
def test_bad_values_get_their_sentence(options, targets, sentence):
    with pytest.raises(InputError) as error:
        MultiTargeted(dataclasses.replace(_pgd(), **options), targets)
    assert str(error.value) == sentence


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
