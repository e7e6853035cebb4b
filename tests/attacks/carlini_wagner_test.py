"""Tests of robust_tf.attacks.carlini_wagner: on linear networks the distance is known."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from robust_tf.attacks.carlini_wagner import CarliniWagner, Constant, _Descent
from robust_tf.attacks.nearest import Unbounded
from robust_tf.attacks.pgd import PGD
from robust_tf.errors import InputError
from robust_tf.losses import Margin
from robust_tf.threat import Threat
from robust_tf.victim import network_victim
from tests.attacks.nearest import (
    CURVED,
    LINEAR,
    central_images,
    classes_of,
    eager_and_parts,
    linear_distances,
    nearest,
)
from tests.linear import image, linear_network, random_images, seeds

L2 = Threat("L2", 0.5)


@pytest.mark.parametrize("c", [0.001, 10.0])
def test_the_distance_on_a_linear_network_is_that_of_the_nearest_boundary(c):
    x = central_images(20)
    expected = linear_distances("L2", x, classes_of(LINEAR, x))
    # Nearer ones are within a few of Adam's steps.
    x, expected = x[expected > 0.05], expected[expected > 0.05]
    label = classes_of(LINEAR, x)
    found, distance = nearest(CarliniWagner(L2, steps=250, c=c), LINEAR, x, label)
    assert len(x) > 8
    assert np.all(distance > 0.999 * expected) and np.all(distance < 1.02 * expected)
    np.testing.assert_array_equal(distance, L2.distance(found, x))
    assert np.all(classes_of(LINEAR, found) != label)


def test_the_binary_search_goes_up_where_nothing_was_found_and_down_elsewhere():
    zero, infinity = tf.zeros(2), tf.fill((2,), float("inf"))
    constant = Constant(tf.fill((2,), 0.5), zero, infinity)
    tried = []
    # The first image is fooled from c = 20 on, the second one by any.
    for _ in range(5):
        tried.append(constant.c.numpy())
        constant = constant.after(constant.c >= [20.0, 0.0])
    np.testing.assert_allclose(
        np.transpose(tried), [[0.5, 5, 50, 27.5, 16.25], 0.5 / 2 ** np.arange(5)]
    )
    np.testing.assert_allclose(constant.lower, [16.25, 0])
    np.testing.assert_allclose(constant.upper, [27.5, 0.5 / 16])


def test_a_constant_never_overflows():
    constant = Constant(tf.ones(1), tf.zeros(1), tf.fill((1,), float("inf")))
    for _ in range(50):
        constant = constant.after(tf.constant([False]))
    assert constant.c == 1e10


@pytest.mark.parametrize(("c", "distance"), [(0.2, np.inf), (0.5, 0.16)])
def test_the_constant_has_to_outweigh_the_distance(c, distance):
    # f = 0.16 - delta_2: up to the boundary, c outweighs the gradient of delta_2^2 from 0.32 on.
    network = linear_network([[0, 0], [0, 0], [0, 1], [0, 0]], [0.66, 0.0])
    x = image(0.5, 0.5, 0.5, 0.5)
    found, got = nearest(CarliniWagner(L2, searches=1, steps=150, c=c), network, x, [0])
    np.testing.assert_allclose(got, [distance], rtol=0.01)
    moved = distance if np.isfinite(distance) else 0.0
    np.testing.assert_allclose(found, x + image(0, 0, moved, 0), atol=0.002)


def test_adam_equals_that_of_keras():
    gradients = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    variable = keras.Variable(np.ones(4, np.float32))
    adam = keras.optimizers.Adam(0.1, epsilon=1e-8)
    descent = _Descent(tf.ones(4), tf.zeros(4), tf.zeros(4))
    for t, g in enumerate(gradients, start=1):
        adam.apply([tf.constant(g)], [variable])
        descent = CarliniWagner(L2, learning_rate=0.1)._descend(descent, tf.constant(g), t)
        np.testing.assert_allclose(descent.w, variable.numpy(), rtol=1e-5)


def _smallest_epsilon_of_pgd(network, x, label) -> np.ndarray:
    """For each image, of many epsilons the smallest at which PGD fools."""
    epsilons = np.geomspace(0.01, 2, 40).astype(np.float32)
    # All of them at once: every image in balls of every size.
    radius = tf.constant(np.tile(epsilons, len(x)).reshape(-1, 1, 1, 1))
    images, labels = (np.repeat(t, len(epsilons), axis=0) for t in (x, label))
    attack = PGD(Threat("L2", radius), loss=Margin(), steps=40, start="none")
    graph = tf.function(lambda *b: attack(network_victim(network), *b), autograph=False)
    found = graph(tf.constant(images), tf.constant(labels), seeds(len(images)))
    fooled = (classes_of(network, found) != labels).reshape(len(x), -1)
    return np.min(np.where(fooled, epsilons, np.inf), axis=1)


def test_it_is_never_further_than_where_pgd_fools():
    # Pixels at the ends of the range would need more steps to leave it.
    x = 0.5 + (random_images(12, seed=1) - 0.5) * np.float32(0.9)
    label = classes_of(CURVED, x)
    found, distance = nearest(CarliniWagner(L2, steps=250, c=0.1), CURVED, x, label)
    epsilon = _smallest_epsilon_of_pgd(CURVED, x, label)
    assert np.sum(np.isfinite(epsilon)) > 8
    assert np.all(distance <= epsilon)
    assert found.min() >= 0 and found.max() <= 1


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-0.7, 1.9)])
def test_pixels_at_the_ends_of_the_range_make_no_nan(low, high):
    x = np.float32(low) + np.float32(high - low) * np.concatenate(
        [image(0, 0, 0, 0), image(1, 1, 1, 1), image(0, 1, 0.5, 0)]
    )
    # Even where a constant grows until nothing else counts: no class is in reach.
    weights = np.array([[0, 1], [0, -1], [0, 1], [0, -1]])
    for bias, finite in ((3.0, False), (0.75, True)):
        network = linear_network(weights, [bias * (high - low), 0.0])
        threat = Threat("L2", 0.5, low, high)
        attack = CarliniWagner(threat, searches=14, steps=20, learning_rate=1.0)
        found, distance = nearest(attack, network, x, [0] * 3)
        np.testing.assert_array_equal(np.isfinite(distance), [finite] * 3)
        assert not np.any(np.isnan(found)) and not np.any(np.isnan(distance))
        assert found.min() >= np.float32(low) and found.max() <= np.float32(high)


def test_kappa_is_what_the_wrong_class_is_ahead_by():
    x = central_images(6)
    label = classes_of(LINEAR, x)
    plain = nearest(CarliniWagner(L2, steps=60, c=0.1), LINEAR, x, label)[1]
    ahead, distance = nearest(CarliniWagner(L2, steps=60, c=0.1, kappa=0.2), LINEAR, x, label)
    margin = Margin()({"logits": LINEAR(ahead)}, label)
    assert np.all(margin >= 0.2 - 1e-5) and np.all(margin < 0.4)
    assert np.all(distance > plain)


def test_a_misclassified_image_stays_at_distance_0():
    x = random_images(6)
    label = (classes_of(LINEAR, x) + np.arange(6) % 2) % 4
    found, distance = nearest(CarliniWagner(L2, searches=2, steps=5, c=9.0), LINEAR, x, label)
    np.testing.assert_array_equal(found[1::2], x[1::2])
    np.testing.assert_array_equal(distance == 0, np.arange(6) % 2 == 1)


def test_a_call_does_not_ask_for_epsilon():
    x = tf.constant(central_images(3))
    label = tf.constant(classes_of(LINEAR, x))
    attack = CarliniWagner(Threat("L2", 0.0), searches=1, steps=20, learning_rate=0.1, c=99.0)
    assert isinstance(attack, Unbounded)
    with tf.GradientTape() as tape:
        tape.watch(x)
        found = attack(network_victim(LINEAR), x, label, seeds(3))
        total = tf.reduce_sum(found)
    assert np.all(classes_of(LINEAR, found) != label)
    assert tape.gradient(total, x) is None


def test_eager_graph_and_any_batch_size_give_the_same():
    x = random_images(7, seed=2)
    label = classes_of(CURVED, x)
    attack = CarliniWagner(L2, searches=3, steps=15, learning_rate=0.1, c=0.1)
    eager, together, apart = eager_and_parts(attack, CURVED, x, label)
    assert np.any(np.isfinite(together[1]))
    for other in (eager, apart):
        np.testing.assert_allclose(other[0], together[0], atol=1e-4)
        np.testing.assert_allclose(other[1], together[1], rtol=1e-3)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"searches": 0}, "CarliniWagner's searches must be at least 1, got 0"),
        ({"steps": 0}, "CarliniWagner's steps must be at least 1, got 0"),
        ({"kappa": -1.0}, "CarliniWagner's kappa must be at least 0, got -1.0"),
        ({"learning_rate": 0.0}, "CarliniWagner's learning_rate must be above 0, got 0.0"),
        ({"c": -0.5}, "CarliniWagner's c must be above 0, got -0.5"),
    ],
)
def test_bad_input_gets_its_sentence(options, sentence):
    with pytest.raises(InputError, match=sentence):
        CarliniWagner(L2, **options)


def test_another_norm_gets_its_sentence():
    with pytest.raises(InputError, match="CarliniWagner minimises L2 alone, got --norm=Linf"):
        CarliniWagner(Threat("Linf", 0.1))


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
