"""Tests of robust_tf.attacks.aims: which class is chosen, and that the attack leads to it."""

import numpy as np
import pytest
import tensorflow as tf

from robust_tf.attacks import PGD, fgsm
from robust_tf.attacks.aims import (
    CLEAN_PREDICTION,
    LEAST_LIKELY,
    MOST_CONFUSING,
    RANDOM,
    TARGETS,
    UNTARGETED,
)
from robust_tf.losses import Margin, cross_entropy
from robust_tf.threat import Threat
from robust_tf.victim import network_victim
from tests.linear import image, linear_network, seeds, softmax

LOGITS = [1.0, 3.0, 2.0, 0.0]
THREAT = Threat("Linf", 0.125)


def _constant_victim(x, seed):
    return {"logits": tf.tile(tf.constant([LOGITS]), (tf.shape(x)[0], 1))}


def _goal(aim, label) -> np.ndarray:
    x = tf.zeros((len(label), 2, 2, 1))
    return PGD(THREAT, aim=aim).goal(_constant_victim, x, tf.constant(label), seeds(len(label)))


@pytest.mark.parametrize(
    ("aim", "expected"),
    [
        (UNTARGETED, [0, 1, 2, 3]),
        (MOST_CONFUSING, [1, 2, 1, 1]),
        (LEAST_LIKELY, [3, 3, 3, 0]),
    ],
)
def test_the_class_by_hand(aim, expected):
    np.testing.assert_array_equal(_goal(aim, [0, 1, 2, 3]), expected)


@pytest.mark.parametrize("aim", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
def test_a_target_has_the_labels_dtype(aim, dtype):
    goal = _goal(aim, tf.constant([0, 1], dtype))
    assert goal.dtype == dtype and goal.shape == (2,)


def test_the_random_class_is_uniform_over_the_wrong_ones():
    graph = tf.function(lambda: _goal(RANDOM, [2] * 1200), autograph=False)
    counts = np.bincount(graph(), minlength=4)
    assert counts[2] == 0
    # 400 each; five standard errors.
    assert np.all(np.abs(counts[[0, 1, 3]] - 400) < 5 * np.sqrt(1200 * 2 / 9))


def test_the_clean_prediction_is_a_distribution_without_gradient():
    goal = _goal(CLEAN_PREDICTION, [0, 1])
    np.testing.assert_allclose(goal, softmax(np.array([LOGITS, LOGITS])), atol=1e-6)
    network = linear_network(np.eye(4)[:, :2])
    x = tf.constant(image(0.1, 0.2, 0.3, 0.4))
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = PGD(THREAT, aim=CLEAN_PREDICTION).goal(network_victim(network), x, None, seeds(1))
    assert tape.gradient(total, x) is None


@pytest.mark.parametrize("loss", [cross_entropy, Margin()], ids=["ce", "margin"])
@pytest.mark.parametrize(
    ("aim", "target"), [(MOST_CONFUSING, 1), (LEAST_LIKELY, 2)], ids=lambda v: getattr(v, "name", v)
)
def test_a_targeted_attack_reaches_the_corner_of_its_class(loss, aim, target):
    weights = np.zeros((4, 3))
    weights[:, target] = [2, -1, 4, -3]
    # Whatever the image: class 0 first, then 1, then 2.
    network = linear_network(weights, [40.0, 20.0, 0.0])
    x = image(0.5, 0.5, 0.5, 0.5)
    corner = x + 0.125 * np.sign(weights[:, target]).reshape(1, 2, 2, 1)
    for attack in (PGD(THREAT, loss=loss, aim=aim), fgsm(THREAT, loss=loss, aim=aim)):
        found = attack(network_victim(network), tf.constant(x), tf.constant([0]), seeds(1))
        np.testing.assert_array_equal(found, corner)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
