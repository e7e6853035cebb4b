"""Tests of robust_tf.attacks.fab: on linear networks the nearest boundary is known."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from robust_tf.attacks.fab import FAB, LEG
from robust_tf.attacks.fab_projections import onto_hyperplane
from robust_tf.errors import InputError
from robust_tf.threat import NORMS, Threat
from robust_tf.victim import network_victim
from tests.attacks.nearest import CURVED, DUAL, classes_of
from tests.linear import image, linear_network, random_images, seeds

WEIGHTS = np.random.default_rng(3).normal(size=(4, 4))
LINEAR = linear_network(WEIGHTS)


def _nearest(attack: FAB, network: keras.Model, x, label):
    return next(_nearest_of_parts(attack, network, x, label, [slice(None)]))


def _nearest_of_parts(attack: FAB, network: keras.Model, x, label, parts: list[slice]):
    """Adversarial images and distances of each part, from one graph for all batch sizes."""

    def call(*batch):
        return attack.nearest(network_victim(network), *batch)

    batch = (tf.constant(x), tf.constant(label), seeds(len(x)))
    signature = [tf.TensorSpec([None, *t.shape[1:]], t.dtype) for t in batch]
    graph = tf.function(call, input_signature=signature, autograph=False)
    for part in parts:
        yield [t.numpy() for t in graph(*(t[part] for t in batch))]


def _boundaries(x, label) -> tuple[np.ndarray, np.ndarray]:
    """LINEAR's f = z_target - z_label and its gradient w, for each image and wrong class."""
    z = np.reshape(x, (-1, 4)) @ WEIGHTS
    targets = np.array([[c for c in range(4) if c != y] for y in label])
    f = np.take_along_axis(z, targets, 1) - z[np.arange(len(z)), label][:, None]
    return f, WEIGHTS.T[targets] - WEIGHTS.T[label][:, None]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(("eta", "tolerance"), [(1.05, 0.012), (1.0005, 0.001)])
def test_the_distance_on_a_linear_network_is_that_of_the_nearest_boundary(norm, eta, tolerance):
    # Far from the range's ends: |f| / ||w||_dual.
    x = 0.5 + (random_images(20) - 0.5) / 1000
    label = classes_of(LINEAR, x)
    f, w = _boundaries(x, label)
    expected = np.min(-f / np.linalg.norm(w, DUAL[norm], axis=2), axis=1)
    found, distance = _nearest(FAB(Threat(norm, 1.0), steps=20, eta=eta), LINEAR, x, label)
    ratio = distance / expected
    assert np.all(ratio > 1) and np.all(ratio < 1 + tolerance)
    np.testing.assert_array_equal(distance, Threat(norm, 1.0).distance(found, x))
    assert np.all(classes_of(LINEAR, found) != label)


@pytest.mark.parametrize("norm", NORMS)
def test_the_range_stands_in_the_way_of_some(norm):
    x, threat = random_images(40), Threat(norm, 1.0)
    label = classes_of(LINEAR, x)
    f, w = _boundaries(x, label)
    flat = tf.constant(np.repeat(x.reshape(40, 4), 3, axis=0), tf.float64)
    move = onto_hyperplane(threat, flat, tf.reshape(w, (120, 4)), tf.reshape(-f, (120,)))
    move = np.reshape(move, (40, 3, 4))
    length = np.linalg.norm(move, np.inf if norm == "Linf" else 2, axis=2)
    reached = np.sum(w * move, axis=2) > -f - 1e-6
    expected = np.min(np.where(reached, length, np.inf), axis=1)
    _, distance = _nearest(FAB(threat, steps=30, eta=1.001), LINEAR, x, label)
    np.testing.assert_allclose(distance, expected, rtol=0.01)
    unbounded = np.min(-f / np.linalg.norm(w, DUAL[norm], axis=2), axis=1)
    assert np.sum(expected > 1.1 * unbounded) >= 3


@pytest.mark.parametrize("judge", [False, True])
def test_a_class_out_of_reach_has_no_distance(judge):
    network, x = linear_network(np.eye(4), bias=[9, 0, 0, 0]), random_images(3)
    found, distance = _nearest(FAB(Threat("Linf", 1.0), steps=3, judge=judge), network, x, [0] * 3)
    np.testing.assert_array_equal(found, x)
    assert np.all(np.isinf(distance))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("judge", [False, True])
@pytest.mark.parametrize(("share", "fooled"), [(1.02, True), (0.99, False)])
def test_an_image_is_fooled_exactly_when_epsilon_exceeds_its_distance(norm, judge, share, fooled):
    x = np.full((1, 2, 2, 1), 0.5, np.float32)
    label = classes_of(LINEAR, x)
    f, w = _boundaries(x, label)
    epsilon = share * np.min(-f / np.linalg.norm(w, DUAL[norm], axis=2))
    attack = FAB(Threat(norm, epsilon), steps=15, judge=judge)
    graph = tf.function(lambda *batch: attack(network_victim(LINEAR), *batch), autograph=False)
    found = graph(tf.constant(x), tf.constant(label), seeds(1)).numpy()
    assert (classes_of(LINEAR, found) != label) == fooled
    if not fooled:
        np.testing.assert_array_equal(found, x)


@pytest.mark.parametrize(
    ("targets", "pixel", "distance"), [(1, 1, 0.25), (2, 2, 0.125), (9, 2, 0.125)]
)
def test_classes_are_led_to_by_their_rank(targets, pixel, distance):
    # Logits 1, 2 x_1 - 0.5, 8 x_2 - 4: the runner-up's boundary is the further one.
    network = linear_network([[0, 0, 0], [0, 2, 0], [0, 0, 8], [0, 0, 0]], [1, -0.5, -4])
    x, label = image(0.5, 0.5, 0.5, 0.5), np.array([0])
    found, got = _nearest(FAB(Threat("L2", 1.0), targets=targets), network, x, label)
    assert distance < got < 1.01 * distance
    np.testing.assert_array_equal(np.flatnonzero(found != x), [pixel])


@pytest.mark.parametrize("judge", [False, True])
def test_a_misclassified_image_is_its_own_adversarial_image(judge):
    x = random_images(6)
    label = (classes_of(LINEAR, x) + np.arange(6) % 2) % 4
    attack = FAB(Threat("Linf", 0.01), steps=3, judge=judge)
    found, distance = _nearest(attack, LINEAR, x, label)
    np.testing.assert_array_equal(found[1::2], x[1::2])
    np.testing.assert_array_equal(distance == 0, np.arange(6) % 2 == 1)


def _counted(network: keras.Model, counts: list[int]):
    def victim(x, seed):
        counts.append(len(x))
        return network_victim(network)(x, seed)

    return victim


def test_only_where_the_network_judges_do_fooled_images_leave():
    x = random_images(8)
    label, threat = classes_of(CURVED, x), Threat("Linf", 0.12)
    found, counts = {}, {}
    for judge in (False, True):
        counts[judge] = []
        attack = FAB(threat, steps=25, targets=2, judge=judge)
        victim = _counted(CURVED, counts[judge])
        found[judge] = attack(victim, tf.constant(x), tf.constant(label), seeds(8)).numpy()
    assert counts[False] == [8] * (1 + 2 * 25 * 2)
    fooled = classes_of(CURVED, found[False]) != label
    np.testing.assert_array_equal(classes_of(CURVED, found[True]) != label, fooled)
    assert 0 < np.sum(fooled) < 8
    # Steps of a walk call twice; the last legs are those of the images that stand.
    assert counts[True][1 : 1 + 2 * LEG] == [8] * 2 * LEG
    assert counts[True][-1] == 8 - np.sum(fooled)
    assert sorted(counts[True], reverse=True) == counts[True]
    # Whoever judges elsewhere gets the nearest; that is never further.
    assert np.all(
        threat.distance(found[False], x)[fooled] <= threat.distance(found[True], x)[fooled]
    )


def test_it_stops_when_no_image_stands():
    counts, x = [], random_images(5)
    label = tf.constant(classes_of(LINEAR, x))
    attack = FAB(Threat("L2", 9.0), steps=3 * LEG, targets=1, judge=True)
    attack(_counted(LINEAR, counts), tf.constant(x), (label + 1) % 4, seeds(5))
    assert counts == [5]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("judge", [False, True])
def test_never_outside_ball_or_pixel_range_and_always_fooled(norm, judge):
    x, threat = random_images(30, seed=1), Threat(norm, 0.1)
    label = classes_of(CURVED, x)
    attack = FAB(threat, steps=12, restarts=2, judge=judge)
    graph = tf.function(lambda *batch: attack(network_victim(CURVED), *batch), autograph=False)
    found = graph(tf.constant(x), tf.constant(label), seeds(30)).numpy()
    assert found.min() >= 0 and found.max() <= 1
    assert np.all(threat.distance(found, x) <= np.float32(0.1))
    moved = np.any(found != x, axis=(1, 2, 3))
    np.testing.assert_array_equal(classes_of(CURVED, found) != label, moved)
    assert 0 < np.sum(moved) < 30


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("judge", [False, True])
def test_any_batch_size_gives_the_same(norm, judge):
    x = random_images(7, seed=2)
    label = classes_of(CURVED, x)
    attack = FAB(Threat(norm, 0.1), steps=12, restarts=2, judge=judge)
    parts = [slice(None), slice(0, 1), slice(1, 3), slice(3, 7)]
    together, *apart = _nearest_of_parts(attack, CURVED, x, label, parts)
    joined = [np.concatenate(t) for t in zip(*apart, strict=True)]
    np.testing.assert_allclose(joined[0], together[0], atol=1e-5)
    np.testing.assert_allclose(joined[1], together[1], rtol=1e-4)


@pytest.mark.parametrize("judge", [False, True])
def test_eager_equals_graph(judge):
    x = random_images(4, seed=3)
    label = classes_of(CURVED, x)
    attack = FAB(Threat("L2", 0.1), steps=12, targets=2, restarts=2, judge=judge)
    eager = attack.nearest(network_victim(CURVED), tf.constant(x), tf.constant(label), seeds(4))
    graph = _nearest(attack, CURVED, x, label)
    np.testing.assert_allclose(eager.x_adv, graph[0], atol=1e-5)
    np.testing.assert_allclose(eager.distance, graph[1], rtol=1e-4)


@pytest.mark.parametrize("norm", NORMS)
def test_restarts_draw_anew_for_each_image_and_never_lose_distance(norm):
    x = np.repeat(random_images(8, seed=4), 2, axis=0)
    label = classes_of(CURVED, x)
    once = _nearest(FAB(Threat(norm, 0.3), steps=4), CURVED, x, label)[1]
    again = _nearest(FAB(Threat(norm, 0.3), steps=4, restarts=4), CURVED, x, label)[1]
    np.testing.assert_array_equal(once[::2], once[1::2])
    assert np.all(again <= once) and np.any(again[::2] != again[1::2])


@pytest.mark.parametrize("name", ["steps", "restarts"])
def test_bad_input_gets_its_sentence(name):
    with pytest.raises(InputError, match=f"FAB's {name} must be at least 1, got 0"):
        FAB(Threat("Linf", 0.1), **{name: 0})


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
