"""Tests of robust_tf.attacks.deepfool: on affine networks one step is all it takes."""

import numpy as np
import pytest
import tensorflow as tf

from robust_tf.attacks.attack import hyperparameters
from robust_tf.attacks.deepfool import DeepFool
from robust_tf.attacks.nearest import Unbounded
from robust_tf.errors import InputError
from robust_tf.threat import NORMS, Threat
from robust_tf.victim import network_victim
from tests.attacks.nearest import (
    CURVED,
    LINEAR,
    central_images,
    classes_of,
    counted,
    eager_and_parts,
    linear_distances,
    nearest,
)
from tests.linear import image, linear_network, random_images, seeds

MIDDLE = image(0.5, 0.5, 0.5, 0.5)


@pytest.mark.parametrize("overshoot", [0.02, 0.5])
@pytest.mark.parametrize(
    ("norm", "distance", "direction"),
    [("L2", 0.16, (0, 0, 1, 0)), ("Linf", 1 / 7, (1, 1, 0, 0))],
)
def test_by_hand(norm, overshoot, distance, direction):
    # f is -1 and -0.16: |f| / ||w||_q is 1 / 5 and 0.16 in L2, 1 / 7 and 0.16 in Linf.
    weights = np.array([[0, 3, 0], [0, 4, 0], [0, 0, 1], [0, 0, 0]])
    network = linear_network(weights, [0.0, -4.5, -0.66])
    attack = DeepFool(Threat(norm, 1.0), steps=1, overshoot=overshoot)
    found, got = nearest(attack, network, MIDDLE, [0])
    np.testing.assert_allclose(got, [(1 + overshoot) * distance], rtol=1e-5)
    moved = (1 + overshoot) * distance * image(*direction)
    np.testing.assert_allclose(found, MIDDLE + moved, atol=1e-6)


@pytest.mark.parametrize("norm", NORMS)
def test_one_step_is_exact_on_an_affine_network(norm):
    x = central_images(30)
    label = classes_of(LINEAR, x)
    found, distance = nearest(DeepFool(Threat(norm, 1.0), steps=1), LINEAR, x, label)
    np.testing.assert_allclose(distance, 1.02 * linear_distances(norm, x, label), rtol=1e-4)
    np.testing.assert_array_equal(distance, Threat(norm, 1.0).distance(found, x))
    assert np.all(classes_of(LINEAR, found) != label)


@pytest.mark.parametrize(
    ("classes", "pixel", "distance"), [(2, 1, 0.25), (3, 2, 0.125), (10, 2, 0.125)]
)
def test_the_classes_of_highest_clean_logit_are_looked_at(classes, pixel, distance):
    # Logits 1, 2 x_1 - 0.5, 8 x_2 - 4: the runner-up's boundary is the further one.
    network = linear_network([[0, 0, 0], [0, 2, 0], [0, 0, 8], [0, 0, 0]], [1, -0.5, -4])
    found, got = nearest(DeepFool(Threat("L2", 1.0), classes=classes), network, MIDDLE, [0])
    np.testing.assert_allclose(got, [1.02 * distance], rtol=1e-5)
    np.testing.assert_array_equal(np.flatnonzero(found != MIDDLE), [pixel])


@pytest.mark.parametrize("norm", NORMS)
def test_a_curved_network_takes_several_steps(norm):
    x, threat = random_images(30, seed=1), Threat(norm, 1.0)
    label = classes_of(CURVED, x)
    once = nearest(DeepFool(threat, steps=1), CURVED, x, label)[1]
    found, distance = nearest(DeepFool(threat), CURVED, x, label)
    in_reach = np.isfinite(distance)
    assert np.sum(np.isfinite(once)) < np.sum(in_reach) and np.mean(in_reach) > 0.9
    # Who was fooled by the first step stayed there.
    np.testing.assert_array_equal(distance[np.isfinite(once)], once[np.isfinite(once)])
    np.testing.assert_array_equal(classes_of(CURVED, found) != label, in_reach)
    np.testing.assert_array_equal(threat.distance(found, x)[in_reach], distance[in_reach])
    assert found.min() >= 0 and found.max() <= 1


@pytest.mark.parametrize("norm", NORMS)
def test_pixels_at_the_end_of_the_range_leave_the_way_to_others(norm):
    # z_1 - z_0 = 2 x_0 + x_1 - 2.
    network = linear_network([[0, 2], [0, 1], [0, 0], [0, 0]], [2.0, 0.0])
    x = image(0.75, 0.0, 0.5, 0.5)
    found, distance = nearest(DeepFool(Threat(norm, 1.0)), network, x, [0])
    assert found[0, 0, 0, 0] <= 1 and classes_of(network, found) == 1
    expected = {"L2": 0.5 / np.sqrt(5), "Linf": 0.5 / 3}[norm]
    np.testing.assert_allclose(distance, [1.02 * expected], rtol=1e-4)
    x = image(1.0, 0.0, 0.5, 0.5) * np.float32(0.9375)
    further = linear_network([[0, 2], [0, 1], [0, 0], [0, 0]], [2.5, 0.0])
    found, distance = nearest(DeepFool(Threat(norm, 1.0)), further, x, [0])
    assert found[0, 0, 0, 0] == 1 and classes_of(further, found) == 1
    # At x_0 = 1 the other pixel has to be beyond 0.5.
    assert 0.5 < distance < 1.03 * 0.5


@pytest.mark.parametrize("norm", NORMS)
def test_a_misclassified_image_stays_at_distance_0(norm):
    x = random_images(6)
    label = (classes_of(CURVED, x) + np.arange(6) % 2) % 4
    found, distance = nearest(DeepFool(Threat(norm, 1.0)), CURVED, x, label)
    np.testing.assert_array_equal(found[1::2], x[1::2])
    np.testing.assert_array_equal(distance == 0, np.arange(6) % 2 == 1)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("weights", [np.eye(4), np.zeros((4, 4))], ids=["far", "flat"])
def test_a_class_out_of_reach_has_no_distance(norm, weights):
    network, x = linear_network(weights, bias=[9, 0, 0, 0]), random_images(3)
    found, distance = nearest(DeepFool(Threat(norm, 1.0), steps=3), network, x, [0] * 3)
    np.testing.assert_array_equal(found, x)
    assert np.all(np.isinf(distance))


@pytest.mark.parametrize("norm", NORMS)
def test_a_call_does_not_ask_for_epsilon(norm):
    x = tf.constant(central_images(3))
    label = tf.constant(classes_of(LINEAR, x))
    attack = DeepFool(Threat(norm, 0.0))
    assert isinstance(attack, Unbounded)
    assert "unbounded" not in hyperparameters(attack)
    found = attack(network_victim(LINEAR), x, label, seeds(3))
    assert np.all(classes_of(LINEAR, found) != label)


def test_it_stops_when_all_are_fooled():
    counts, x = [], tf.constant(central_images(5))
    label = tf.constant(classes_of(LINEAR, x))
    DeepFool(Threat("L2", 1.0))(counted(LINEAR, counts), x, label, seeds(5))
    # The clean images, then the boundaries and what is beyond them.
    assert counts == [5, 5, 5]


@pytest.mark.parametrize("norm", NORMS)
def test_eager_graph_and_any_batch_size_give_the_same(norm):
    x = random_images(7, seed=2)
    label = classes_of(CURVED, x)
    eager, together, apart = eager_and_parts(DeepFool(Threat(norm, 1.0)), CURVED, x, label)
    for other in (eager, apart):
        np.testing.assert_allclose(other[0], together[0], atol=1e-5)
        np.testing.assert_allclose(other[1], together[1], rtol=1e-4)


def test_the_network_is_no_part_of_the_gradient():
    x = tf.constant(central_images(2))
    label = tf.constant(classes_of(LINEAR, x))
    with tf.GradientTape() as tape:
        tape.watch(x)
        x_adv = DeepFool(Threat("L2", 1.0), steps=2)(network_victim(LINEAR), x, label, seeds(2))
        total = tf.reduce_sum(x_adv)
    watched = [x, *(v.value for v in LINEAR.trainable_variables)]
    assert tape.gradient(total, watched) == [None, None, None]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"steps": 0}, "DeepFool's steps must be at least 1, got 0"),
        ({"classes": 1}, "DeepFool's classes must be at least 2, got 1"),
        ({"overshoot": -0.1}, "DeepFool's overshoot must be at least 0, got -0.1"),
    ],
)
def test_bad_input_gets_its_sentence(options, sentence):
    with pytest.raises(InputError, match=sentence):
        DeepFool(Threat("L2", 1.0), **options)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
