"""Tests of robust_tf.attacks.nattack: the learned mean on networks whose worst image is known."""

import numpy as np
import pytest
import tensorflow as tf

from robust_tf.attacks import fgsm
from robust_tf.attacks.nattack import NAttack
from robust_tf.errors import InputError
from robust_tf.losses import Margin
from robust_tf.threat import Threat
from robust_tf.victim import network_victim
from tests.attacks.graphs import attacked
from tests.linear import image, linear_network, random_images, seeds

TOWARDS_1 = np.array([2.0, -1.0, 0.5, 1.0])
WEIGHTS = np.stack([np.zeros(4), TOWARDS_1], axis=1)
EPSILON = {"Linf": 0.1, "L2": 0.2}
# What the worst image of each ball gains on the margin, away from the pixel range.
REACH = {
    "Linf": EPSILON["Linf"] * np.abs(TOWARDS_1).sum(),
    "L2": EPSILON["L2"] * np.linalg.norm(TOWARDS_1),
}


def _victim(bias: float):
    """Class 1 is ahead by TOWARDS_1 @ x + bias."""
    return network_victim(linear_network(WEIGHTS, [0.0, bias]))


def _margins(x, label, bias: float = 0.0) -> np.ndarray:
    """How far the other class is ahead."""
    ahead = np.reshape(x, (-1, 4)) @ TOWARDS_1 + bias
    return np.where(np.asarray(label) == 0, ahead, -ahead)


class _Counted:
    """A victim that keeps what it is asked about; eager only."""

    def __init__(self, victim):
        self.victim, self.asked = victim, []

    def __call__(self, x, seed):
        self.asked.append(x.numpy())
        return self.victim(x, seed)


@pytest.mark.parametrize("norm", ["Linf", "L2"])
def test_fools_within_reach_and_never_out_of_it(norm):
    """Three images, from which class 1 is half the ball's reach away, most of it, and more."""
    x = np.concatenate([image(0.5, 0.5, 0.5, 0.5)] * 3)
    gap = REACH[norm] * np.array([0.5, 0.9, 1.05])
    # Darker images are further away.
    x -= ((gap - gap[0]) / TOWARDS_1.sum())[:, None, None, None]
    bias = -float(TOWARDS_1.sum() / 2 + gap[0])
    victim, label = _victim(bias), np.zeros(3, int)
    np.testing.assert_allclose(_margins(x, label, bias), -gap, atol=1e-6)
    threat = Threat(norm, EPSILON[norm])
    attack = NAttack(threat, steps=60, population=60, learning_rate=0.02)
    found = attacked(attack, victim, x, label)
    by_gradient = attacked(fgsm(threat), victim, x, label)
    np.testing.assert_array_equal(_margins(found, label, bias) > 0, [True, True, False])
    np.testing.assert_array_equal(_margins(by_gradient, label, bias) > 0, [True, True, False])


def test_one_update_by_hand():
    x, label, victim = image(0.5, 0.25, 0.75, 0.625), np.array([0]), _victim(-1.75)
    counted = _Counted(victim)
    # The ball holds every image.
    attack = NAttack(Threat("Linf", 1.0), steps=1, population=7, learning_rate=0.5)
    attack(counted, tf.constant(x), tf.constant(label), seeds(1))
    first, population, last = counted.asked

    def z(images):
        return np.arctanh(2.0 * np.reshape(images, (-1, 4)).astype(np.float64) - 1)

    np.testing.assert_allclose(z(first), z(x), atol=0.005)
    epsilon = (z(population) - z(first)) / attack.sigma
    assert np.all(np.abs(epsilon) < 5) and 0.5 < np.std(epsilon) < 1.5
    J = np.maximum(0, -_margins(population, np.zeros(7), -1.75))
    # Some draws fool, so that the hinge counts.
    assert 0 < np.sum(J == 0) < 7
    A = (-J + J.mean()) / J.std()
    mu = z(first) + attack.learning_rate / (7 * attack.sigma) * A @ epsilon
    np.testing.assert_allclose(z(last), mu, atol=2e-4)
    assert np.abs(mu - z(first)).max() > 0.5


def test_each_draw_has_its_own_largest_other_class():
    """Two classes are as far from the label, on two sides: the first draw's is no other's."""
    weights = np.array([[0.0, 2.0, -2.0], [0, 0, 0], [0, 0, 0], [0, 0, 0]])
    counted = _Counted(network_victim(linear_network(weights, [0.0, -2.0, 0.0])))
    x = image(0.5, 0.5, 0.5, 0.5)
    attack = NAttack(Threat("Linf", 1.0), steps=1, population=9)
    attack(counted, tf.constant(x), tf.constant([0]), seeds(1))
    first, population, last = (np.reshape(a, (-1, 4)).astype(np.float64) for a in counted.asked)
    p = population[:, 0]
    J = np.maximum(0, -np.maximum(2 * p - 2, -2 * p))
    A = (-J + J.mean()) / J.std()
    epsilon = (np.arctanh(2 * population - 1) - np.arctanh(2 * first - 1)) / attack.sigma
    mu = np.arctanh(2 * first - 1) + attack.learning_rate / (9 * attack.sigma) * A @ epsilon
    np.testing.assert_allclose(np.arctanh(2 * last - 1), mu, atol=2e-4)
    # Both sides are drawn, or the case shows nothing.
    assert p.min() < 0.49 and p.max() > 0.51


@pytest.mark.parametrize("judge", [False, True])
def test_queries_are_what_the_docstring_says(judge):
    x = np.concatenate([image(0.5, 0.5, 0.5, 0.5)] * 3)
    # The first is fooled as it is, the second soon, the third never.
    x[1] -= 0.04
    x[2] -= 0.4
    label = np.zeros(3, int)
    bias = -float(TOWARDS_1.sum() / 2 - 0.01)
    assert list(_margins(x, label, bias) > 0) == [True, False, False]
    counted = _Counted(_victim(bias))
    attack = NAttack(Threat("Linf", 0.1), steps=8, population=12, judge=judge)
    attack(counted, tf.constant(x), tf.constant(label), seeds(3))
    asked = sum(len(images) for images in counted.asked)
    whole = 1 + 8 * (12 + 1)
    if not judge:
        assert asked == 3 * whole
    else:
        spent_on_second = asked - 1 - whole
        assert spent_on_second % 13 == 1 and 1 < spent_on_second < whole
    assert max(len(images) for images in counted.asked) == 12


@pytest.mark.parametrize("judge", [False, True])
@pytest.mark.parametrize("norm", ["Linf", "L2"])
def test_never_outside_ball_or_pixel_range(norm, judge):
    x, label = random_images(12), np.arange(12) % 2
    threat = Threat(norm, EPSILON[norm])
    attack = NAttack(threat, steps=5, population=8, learning_rate=0.05, judge=judge)
    counted = _Counted(_victim(-1.0))
    found = attack(counted, tf.constant(x), tf.constant(label), seeds(12)).numpy()
    assert np.all(np.isfinite(found)) and found.min() >= 0 and found.max() <= 1
    assert 0 < threat.distance(found, x).numpy().max() <= EPSILON[norm] + 1e-6
    for images in counted.asked:
        assert images.min() >= 0 and images.max() <= 1


def test_pixels_at_the_end_of_the_range_can_leave_it():
    x = image(0.0, 1.0, 0.0, 0.0)
    attack = NAttack(Threat("Linf", 0.3), steps=60, population=30, learning_rate=0.1)
    found = attacked(attack, _victim(-3.0), x, np.array([0]))
    assert _margins(found, [0])[0] > _margins(x, [0])[0] + 0.3


def test_without_judge_the_mean_of_highest_loss_is_returned():
    x, label = random_images(6), np.arange(6) % 2
    counted = _Counted(_victim(-1.0))
    attack = NAttack(Threat("Linf", 0.1), steps=6, population=7)
    found = attack(counted, tf.constant(x), tf.constant(label), seeds(6))
    # Means are asked about together, populations one image at a time.
    means = [_margins(images, label, -1.0) for images in counted.asked if len(images) == 6]
    assert len(means) == 7
    np.testing.assert_allclose(_margins(found, label, -1.0), np.max(means, axis=0), atol=1e-5)


def test_with_judge_what_is_fooled_is_what_fools_without():
    x, label = random_images(10, seed=3), np.arange(10) % 2
    attack = NAttack(Threat("Linf", 0.15), steps=12, population=16, learning_rate=0.03)
    judged = NAttack(Threat("Linf", 0.15), 12, 16, learning_rate=0.03, judge=True)
    victim = _victim(-1.0)
    fooled, fooled_judged = (
        _margins(attacked(a, victim, x, label), label, -1.0) > 0 for a in (attack, judged)
    )
    np.testing.assert_array_equal(fooled, fooled_judged)
    assert 0 < fooled.sum() < 10


@pytest.mark.parametrize("judge", [False, True])
def test_an_image_is_attacked_alike_in_every_batch_and_as_a_graph(judge):
    x, label = random_images(5), np.arange(5) % 2
    attack = NAttack(Threat("Linf", 0.1), steps=4, population=6, judge=judge)
    victim = _victim(-1.0)
    together = attacked(attack, victim, x, label)
    some = attacked(attack, victim, x, label, which=[3, 1])
    np.testing.assert_allclose(some, together[[3, 1]], atol=1e-6)
    eager = attack(victim, tf.constant(x), tf.constant(label), seeds(5))
    np.testing.assert_allclose(eager, together, atol=1e-6)
    assert np.abs(together - x).max() > 1e-3


def test_a_random_victim_sees_another_seed_in_every_query():
    asked, network = [], _victim(-1.0)

    def victim(x, seed):
        asked.append(seed.numpy())
        return network(x, seed)

    attack = NAttack(Threat("Linf", 0.1), steps=3, population=5)
    attack(victim, tf.constant(random_images(2)), tf.constant([0, 0]), seeds(2))
    every = np.concatenate(asked)
    assert len(np.unique(every, axis=0)) == len(every) == 2 * (1 + 3 * 6)


def test_no_gradient_is_asked_for():
    @tf.custom_gradient
    def locked(logits):
        def gradient(upstream):
            raise RuntimeError("asked for a gradient")

        return logits, gradient

    network = _victim(-1.0)

    def victim(x, seed):
        return {"logits": locked(network(x, seed)["logits"])}

    x, label = random_images(2), np.array([0, 0])
    with pytest.raises(RuntimeError, match="asked for a gradient"):
        attacked(fgsm(Threat("Linf", 0.1), loss=Margin()), victim, x, label)
    found = attacked(NAttack(Threat("Linf", 0.1), steps=2, population=4), victim, x, label)
    assert np.abs(found - x).max() > 0


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (dict(steps=0), "NAttack's steps must be at least 1, got 0."),
        (dict(population=1), "NAttack's population must be at least 2, got 1."),
        (dict(sigma=0.0), "NAttack's sigma must be a positive number, got 0.0."),
        (dict(learning_rate=-0.1), "NAttack's learning_rate must be a positive number, got -0.1."),
        (dict(sigma=float("nan")), "NAttack's sigma must be a positive number, got nan."),
    ],
)
def test_bad_values_get_their_sentence(given, sentence):
    with pytest.raises(InputError) as error:
        NAttack(Threat("Linf", 0.1), **given)
    assert str(error.value) == sentence


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
