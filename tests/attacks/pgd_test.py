"""Tests of robust_tf.attacks.pgd: what it returns on networks whose worst image is known."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from robust_tf import losses
from robust_tf.attacks import PGD, fgsm
from robust_tf.attacks.aims import CLEAN_PREDICTION
from robust_tf.errors import InputError
from robust_tf.losses import Margin, cross_entropy
from robust_tf.threat import Threat
from robust_tf.victim import network_victim
from tests.linear import image, linear_network, random_images, seeds, softmax

# Two classes. Powers of two, so that every sum below is exact.
TOWARDS_1 = np.array([2.0, -1.0, 0.5, 0.0])
VICTIM = network_victim(linear_network(np.stack([np.zeros(4), TOWARDS_1], axis=1)))
EPSILON = 0.125
INNER = np.concatenate([image(0.5, 0.25, 0.75, 0.5), image(0.375, 0.625, 0.5, 0.25)])
LABEL = tf.constant([0, 1])
# The sign that leads away from each label.
AWAY = np.array([1.0, -1.0]).reshape(2, 1, 1, 1)
UNTARGETED_LOSSES = {"ce": cross_entropy, "margin": Margin()}


def _attack(attack: PGD, x=INNER, label=LABEL, victim=VICTIM) -> np.ndarray:
    graph = tf.function(lambda *batch: attack(victim, *batch), autograph=False)
    return graph(tf.constant(x), tf.constant(label), seeds(len(x))).numpy()


@pytest.mark.parametrize("loss", UNTARGETED_LOSSES.values(), ids=UNTARGETED_LOSSES)
@pytest.mark.parametrize("start", ["none", "uniform"])
def test_linf_reaches_the_corner(loss, start):
    attack = PGD(Threat("Linf", EPSILON), loss=loss, steps=10, start=start)
    found = _attack(attack)
    corner = INNER + EPSILON * AWAY * np.sign(TOWARDS_1).reshape(1, 2, 2, 1)
    # The last pixel has no weight: it stays where it started.
    np.testing.assert_array_equal(found.reshape(2, 4)[:, :3], corner.reshape(2, 4)[:, :3])
    stayed = found[:, 1, 1] == INNER[:, 1, 1]
    assert np.all(stayed) == (start == "none")


@pytest.mark.parametrize("loss", UNTARGETED_LOSSES.values(), ids=UNTARGETED_LOSSES)
@pytest.mark.parametrize(
    ("start", "steps", "tolerance"), [("none", 4, 1e-6), ("uniform", 60, 1e-5)]
)
def test_l2_reaches_the_end_of_the_gradient(loss, start, steps, tolerance):
    attack = PGD(Threat("L2", EPSILON), loss=loss, steps=steps, start=start)
    direction = (TOWARDS_1 / np.linalg.norm(TOWARDS_1)).reshape(1, 2, 2, 1)
    np.testing.assert_allclose(_attack(attack), INNER + EPSILON * AWAY * direction, atol=tolerance)


@pytest.mark.parametrize("norm", ["Linf", "L2"])
@pytest.mark.parametrize("loss", [cross_entropy, Margin()])
def test_a_confident_network_gives_its_direction_away_all_the_same(norm, loss):
    """With gaps of 40 nats and more, cross-entropy's gradient is of the order of 1e-18."""
    weights = np.array([[90.0, 0.0, 50.0], [0.0, 70.0, 20.0], [30.0, 0.0, 0.0], [0.0, 10.0, 0.0]])
    x = tf.constant(image(0.5, 0.5, 0.5, 0.5))
    network = linear_network(weights, bias=[30.0, 0.0, 0.0])
    attack = PGD(Threat(norm, 0.1), loss=loss, steps=20, start="none")
    got = attack(network_victim(network), x, tf.constant([0]), seeds(1)) - x
    # Class 1 is the nearest, 50 nats away, and stays it.
    direction = weights[:, 1] - weights[:, 0]
    expected = np.sign(direction) if norm == "Linf" else direction / np.linalg.norm(direction)
    np.testing.assert_allclose(np.ravel(got), 0.1 * expected, atol=1e-4)


def test_the_corner_is_clipped_to_the_pixel_range():
    x = image(0.9375, 0.0625, 1.0, 0.5)
    found = _attack(PGD(Threat("Linf", EPSILON), start="none"), x, [0])
    np.testing.assert_array_equal(found, image(1.0, 0.0, 1.0, 0.5))


@pytest.mark.parametrize("loss", UNTARGETED_LOSSES.values(), ids=UNTARGETED_LOSSES)
def test_no_corner_of_the_cube_is_worse(loss):
    weights = np.array([[1, -1, 0], [0.5, 2, -2], [-3, 1, -1], [1, 4, 0]])
    network = linear_network(weights, [0, 1, 0])
    x, label = random_images(12), np.arange(12) % 3
    threat = Threat("Linf", 0.1)
    attack = PGD(threat, loss=loss, steps=12, restarts=8)
    found = _attack(attack, x, label, network_victim(network))
    corners = [
        threat.project(x + 0.1 * image(*signs), x) for signs in itertools.product([-1, 1], repeat=4)
    ]
    # Convex in the image: its maximum lies at a corner.
    worst = np.max([loss({"logits": network(c)}, label) for c in corners], axis=0)
    np.testing.assert_allclose(loss({"logits": network(found)}, label), worst, atol=1e-5)


def test_fgsm_is_one_step_of_epsilon_from_the_image():
    attack = fgsm(Threat("Linf", EPSILON), loss=Margin())
    assert (attack.steps, attack.step_size, attack.start) == (1, EPSILON, "none")
    corner = INNER + EPSILON * AWAY * np.sign(TOWARDS_1).reshape(1, 2, 2, 1)
    np.testing.assert_array_equal(_attack(attack), corner)


def test_the_step_is_a_quarter_of_epsilon_unless_given():
    x, start = INNER, dict(steps=1, start="none")
    moved = _attack(PGD(Threat("Linf", EPSILON), **start)) - x
    np.testing.assert_array_equal(np.unique(np.abs(moved)), [0, EPSILON / 4])
    moved = _attack(PGD(Threat("Linf", EPSILON), step_size=1 / 64, **start)) - x
    np.testing.assert_array_equal(np.unique(np.abs(moved)), [0, 1 / 64])


@pytest.mark.parametrize(("kappa", "steps_made"), [(0.1, 1), (0.6, 2), (50.0, 4)])
def test_the_margin_pushes_no_further_than_kappa(kappa, steps_made):
    # margin = 8 x - 2, from 0 at the image; each step of 1/16 adds 1/2.
    network = linear_network([[0.0, 8.0]], [0.0, -2.0], shape=(1, 1, 1))
    attack = PGD(Threat("Linf", 0.25), loss=Margin(kappa), steps=9, start="none")
    x = np.full((1, 1, 1, 1), 0.25, np.float32)
    found = _attack(attack, x, [0], network_victim(network))
    assert found.item() == 0.25 + steps_made / 16


def test_kl_leaves_the_clean_prediction_both_ways_but_needs_a_random_start():
    threat = Threat("Linf", EPSILON)
    x = np.repeat(INNER[:1], 40, axis=0)
    kl = dict(loss=losses.kl_divergence, aim=CLEAN_PREDICTION)
    still = _attack(PGD(threat, start="none", **kl), x, np.zeros(40, int))
    np.testing.assert_array_equal(still, x)
    moved = (_attack(PGD(threat, **kl), x, np.zeros(40, int)) - x).reshape(40, 4)[:, :3]
    ways = np.unique(moved, axis=0)
    corner = EPSILON * np.sign(TOWARDS_1[:3])
    np.testing.assert_array_equal(ways, [-corner, corner])


def _numpy_pgd(x, label, weights, threat: Threat, steps: int, momentum: float) -> np.ndarray:
    """Steepest ascent of a linear network's cross-entropy, pixel by pixel, without TensorFlow."""
    x_adv, velocity = x.copy(), np.zeros_like(x)
    for _ in range(steps):
        gradient = (softmax(x_adv @ weights) - np.eye(weights.shape[1])[label]) @ weights.T
        velocity = momentum * velocity + gradient / np.abs(gradient).mean(axis=1, keepdims=True)
        if threat.norm == "Linf":
            direction = np.sign(velocity)
        else:
            direction = velocity / np.linalg.norm(velocity, axis=1, keepdims=True)
        delta = x_adv + threat.epsilon / 4 * direction - x
        if threat.norm == "Linf":
            delta = np.clip(delta, -threat.epsilon, threat.epsilon)
        else:
            length = np.linalg.norm(delta, axis=1, keepdims=True)
            delta *= np.minimum(1, threat.epsilon / length)
        x_adv = np.clip(x + delta, 0, 1)
    return x_adv


@pytest.mark.parametrize("norm", ["Linf", "L2"])
@pytest.mark.parametrize("momentum", [0.0, 0.75, 1.0])
def test_momentum_equals_a_numpy_loop(norm, momentum):
    weights = np.random.default_rng(3).normal(size=(4, 3))
    x, label = random_images(12), np.arange(12) % 3
    attack = PGD(Threat(norm, 0.3), steps=7, start="none", momentum=momentum)
    found = _attack(attack, x, label, network_victim(linear_network(weights)))
    expected = _numpy_pgd(x.reshape(12, 4), label, weights, attack.threat, 7, momentum)
    np.testing.assert_allclose(found.reshape(12, 4), expected, atol=1e-4)


@pytest.mark.parametrize("norm", ["Linf", "L2"])
@pytest.mark.parametrize("options", [{}, {"restarts": 2}, {"momentum": 1.0}, {"step_size": 9.0}])
def test_never_outside_ball_or_pixel_range(norm, options):
    weights = np.random.default_rng(4).normal(size=(4, 3))
    x, label = random_images(30, seed=1), np.arange(30) % 3
    attack = PGD(Threat(norm, 8 / 255), steps=4, **options)
    found = _attack(attack, x, label, network_victim(linear_network(weights)))
    assert found.min() >= 0 and found.max() <= 1
    distance = attack.threat.distance(found, x)
    assert 0 < np.max(distance) <= 8 / 255 + 1e-6


@pytest.mark.parametrize("norm", ["Linf", "L2"])
@pytest.mark.parametrize(("epsilon", "steps"), [(0.0, 3), (0.25, 0)])
@pytest.mark.parametrize("restarts", [1, 2])
def test_nothing_moves_without_room_or_steps(norm, epsilon, steps, restarts):
    x = random_images(5)
    attack = PGD(Threat(norm, epsilon), steps=steps, restarts=restarts)
    np.testing.assert_array_equal(_attack(attack, x, [0, 1, 0, 1, 0]), x)


def test_the_network_is_no_part_of_the_gradient():
    network = linear_network(np.stack([np.zeros(4), TOWARDS_1], axis=1))
    x = tf.constant(INNER)
    with tf.GradientTape() as tape:
        tape.watch(x)
        x_adv = PGD(Threat("L2", EPSILON), steps=2)(network_victim(network), x, LABEL, seeds(2))
        total = tf.reduce_sum(x_adv)
    watched = [x, *(v.value for v in network.trainable_variables)]
    assert tape.gradient(total, watched) == [None, None, None]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"steps": -1}, "steps must be at least 0, got -1"),
        ({"restarts": 0}, "restarts must be at least 1, got 0"),
    ],
)
def test_bad_input_gets_its_sentence(options, sentence):
    with pytest.raises(InputError, match=sentence):
        PGD(Threat("Linf", 0.1), **options)


def test_an_unknown_start_gets_its_sentence():
    with pytest.raises(InputError, match="--attack_start=unifrom is unknown; did you mean uniform"):
        PGD(Threat("Linf", 0.1), start="unifrom")


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
