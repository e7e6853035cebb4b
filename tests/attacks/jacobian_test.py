"""Tests of robust_tf.attacks.jacobian: the nearest of the linearised boundaries."""

import numpy as np
import pytest
import tensorflow as tf

from robust_tf.attacks.jacobian import nearest_boundary
from robust_tf.threat import NORMS, Threat
from robust_tf.victim import network_victim
from tests.attacks.nearest import CURVED, DUAL, counted, in_graph
from tests.linear import image, linear_network, random_images, seeds

# Where all pixels are 0.5, f is -5 and -0.8.
TOWARDS_1, TOWARDS_2 = np.array([3.0, 4.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0, 0.0])
WEIGHTS = np.stack([np.zeros(4), TOWARDS_1, TOWARDS_2], axis=1)
VICTIM = network_victim(linear_network(WEIGHTS, [0.0, -8.5, -1.3]))
MIDDLE = tf.constant(image(0.5, 0.5, 0.5, 0.5))


def _look(norm: str, classes, victim=VICTIM, x=MIDDLE, label=0, **options):
    threat = Threat(norm, 1.0)
    return nearest_boundary(victim, threat, x, [label], tf.constant([classes]), seeds(1), **options)


@pytest.mark.parametrize(
    ("norm", "classes", "distance", "f", "w"),
    [
        # |f| / ||w||_q: 5 / 5 and 0.8 / 1 in L2, 5 / 7 and 0.8 / 1 in Linf.
        ("L2", [1, 2], 0.8, -0.8, TOWARDS_2),
        ("L2", [2, 1], 0.8, -0.8, TOWARDS_2),
        ("L2", [1], 1.0, -5.0, TOWARDS_1),
        ("Linf", [1, 2], 5 / 7, -5.0, TOWARDS_1),
        ("Linf", [2, 1], 5 / 7, -5.0, TOWARDS_1),
        ("Linf", [2], 0.8, -0.8, TOWARDS_2),
    ],
)
def test_the_nearest_of_two_classes_is_a_matter_of_the_norm(norm, classes, distance, f, w):
    boundary = _look(norm, classes)
    np.testing.assert_allclose(boundary.distance, [distance], rtol=1e-5)
    np.testing.assert_allclose(boundary.f, [f], rtol=1e-5)
    np.testing.assert_allclose(np.ravel(boundary.w), w, rtol=1e-6)


@pytest.mark.parametrize("norm", NORMS)
def test_it_equals_the_whole_jacobian(norm):
    x, label, threat = random_images(20), np.arange(20) % 4, Threat(norm, 1.0)
    with tf.GradientTape() as tape:
        tape.watch(images := tf.constant(x))
        z = CURVED(images)
    rows = np.reshape(tape.batch_jacobian(z, images), (20, 4, 4))
    others = np.array([[c for c in range(4) if c != y] for y in label])
    each = np.arange(20)
    f = np.take_along_axis(z.numpy(), others, 1) - z.numpy()[each, label][:, None]
    w = rows[each[:, None], others] - rows[each, label][:, None]
    distance = np.abs(f) / np.linalg.norm(w, DUAL[norm], axis=2)
    nearest = np.argmin(distance, axis=1)
    # All classes count in every order, and the label's own never.
    order = tf.constant([3, 0, 2, 1])

    def call(x, label, seeds):
        classes = tf.tile(order[None], [tf.shape(x)[0], 1])
        return nearest_boundary(network_victim(CURVED), threat, x, label, classes, seeds)

    got = in_graph(call, x, label)[0]
    assert len(set(others[each, nearest])) == 4
    np.testing.assert_allclose(got[0], distance[each, nearest], rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(got[1], f[each, nearest], atol=1e-5)
    np.testing.assert_allclose(got[2].reshape(20, 4), w[each, nearest], atol=1e-5)


@pytest.mark.parametrize("norm", NORMS)
def test_a_class_without_a_gradient_is_never_near(norm):
    flat = network_victim(linear_network(np.zeros((4, 3)), [0.5, 0.0, 0.25]))
    assert np.isinf(_look(norm, [1, 2], flat).distance)
    assert np.isinf(_look(norm, [0]).distance)
    np.testing.assert_array_equal(_look(norm, [0, 1, 0]).f, _look(norm, [1]).f)


@pytest.mark.parametrize("norm", NORMS)
def test_gradients_whose_squares_are_0_count(norm):
    faint = network_victim(linear_network(1e-25 * WEIGHTS, [0.0, -8.5e-25, -1.3e-25]))
    expected = _look(norm, [1, 2]).distance
    np.testing.assert_allclose(_look(norm, [1, 2], faint).distance, expected, rtol=1e-4)


def test_another_output_has_other_boundaries():
    def victim(x, seed):
        z = VICTIM(x, seed)["logits"]
        return {"logits": tf.tanh(100 * z), "before_squeeze": 2 * z}

    assert np.isinf(_look("L2", [1], victim).distance)
    before = _look("L2", [1, 2], victim, output="before_squeeze")
    np.testing.assert_allclose(before.f, [-1.6], rtol=1e-5)


def test_the_network_is_asked_once():
    counts = []
    _look("L2", [1, 2, 3], counted(CURVED, counts))
    assert counts == [1]


def test_a_victim_may_loop():
    def victim(x, seed):
        halved = tf.while_loop(lambda i, _: i < 2, lambda i, y: (i + 1, y / 2), (0, x))[1]
        return VICTIM(halved, seed)

    graph = tf.function(lambda x: _look("L2", [1, 2], victim, x), autograph=False)
    # At x / 4 = 0.5 / 4: f_1 = 0.875 - 8.5, f_2 = 0.125 - 1.3, and a quarter of the gradients.
    np.testing.assert_allclose(graph(MIDDLE).distance, [1.175 / 0.25], rtol=1e-5)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
