"""Tests of robust_tf.threat."""

import numpy as np
import pytest
import tensorflow as tf

from robust_tf.errors import InputError
from robust_tf.threat import NORMS, Threat
from tests.linear import image, random_images, seeds


@pytest.mark.parametrize(
    ("norm", "moved", "expected"),
    [
        ("Linf", (1.0, 0.5, 0.25, 0.0), (0.625, 0.5, 0.375, 0.375)),
        # delta (0.6, 0.8, 0, 0) has length 1.
        ("L2", (1.1, 1.3, 0.5, 0.5), (0.575, 0.6, 0.5, 0.5)),
        # Within the ball nothing moves.
        ("L2", (0.5, 0.5, 0.4375, 0.5), (0.5, 0.5, 0.4375, 0.5)),
    ],
)
def test_project_by_hand(norm, moved, expected):
    projected = Threat(norm, 0.125).project(image(*moved), image(0.5, 0.5, 0.5, 0.5))
    np.testing.assert_allclose(projected, image(*expected), atol=1e-7)


@pytest.mark.parametrize("norm", NORMS)
def test_project_keeps_the_pixel_range(norm):
    x = image(0.0, 1.0, 0.05, 0.95)
    projected = Threat(norm, 0.5).project(image(-1, 2, -1, 2), x).numpy()
    np.testing.assert_array_equal(projected, image(0, 1, 0, 1))
    shifted = Threat(norm, 5.0, low=-1.0, high=2.0).project(image(-9, 9, 0, 0), x).numpy()
    assert shifted.min() == -1.0 and shifted.max() == 2.0


@pytest.mark.parametrize("norm", NORMS)
def test_project_stays_in_the_ball_and_leaves_what_is_inside(norm):
    x, threat = random_images(500), Threat(norm, 8 / 255)
    once = threat.project(x + np.random.default_rng(1).normal(size=x.shape).astype("f"), x)
    assert np.max(threat.distance(once, x)) <= 8 / 255 + 1e-7
    np.testing.assert_allclose(threat.project(once, x), once, atol=1e-7)


def test_distance_by_hand():
    x, moved = image(0, 0, 0, 0), image(0.3, -0.4, 0, 0)
    np.testing.assert_allclose(Threat("Linf", 1.0).distance(moved, x), [0.4], atol=1e-7)
    np.testing.assert_allclose(Threat("L2", 1.0).distance(moved, x), [0.5], atol=1e-7)


@pytest.mark.parametrize(
    ("norm", "expected"), [("Linf", (1, -1, 0, 1)), ("L2", (0.6, -0.8, 0.0, 0.0))]
)
@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_steepest_by_hand_whatever_the_gradients_size(norm, expected, size):
    gradient = image(3, -4, 0, 1 if norm == "Linf" else 0) * np.float32(size)
    steepest = Threat(norm, 1.0).steepest(gradient)
    np.testing.assert_allclose(steepest, image(*expected), atol=1e-6)


@pytest.mark.parametrize("norm", NORMS)
def test_steepest_of_no_gradient_is_no_step(norm):
    np.testing.assert_array_equal(Threat(norm, 1.0).steepest(image(0, 0, 0, 0)), image(0, 0, 0, 0))


def _starts(norm: str, count: int, step: int = 0, kind: str = "uniform") -> np.ndarray:
    """Random starts around mid-grey images, in units of epsilon."""
    x = tf.fill((count, 2, 2, 1), 0.5)
    threat = Threat(norm, 0.25)
    draw = tf.function(lambda x, s: threat.start(kind, x, s), autograph=False)
    start = draw(x, seeds(count, step))
    return np.reshape((start - x) / 0.25, (count, 4))


def test_random_start_is_uniform_in_the_cube():
    delta = _starts("Linf", 3000)
    assert np.abs(delta).max() <= 1
    # Five standard errors.
    np.testing.assert_allclose(delta.mean(axis=0), 0, atol=5 / np.sqrt(3 * 3000))
    np.testing.assert_allclose(np.cov(delta.T), np.eye(4) / 3, atol=0.03)
    np.testing.assert_allclose(np.mean(delta**4), 1 / 5, atol=0.02)


def test_random_start_is_uniform_in_the_l2_ball():
    delta = _starts("L2", 3000)
    length = np.linalg.norm(delta, axis=1)
    assert length.max() <= 1 + 1e-6
    # The volume within a radius: uniform in [0, 1].
    volume = length**4
    np.testing.assert_allclose(
        np.quantile(volume, [0.1, 0.25, 0.5, 0.75, 0.9]), [0.1, 0.25, 0.5, 0.75, 0.9], atol=0.05
    )
    direction = delta / length[:, None]
    np.testing.assert_allclose(direction.mean(axis=0), 0, atol=5 / np.sqrt(4 * 3000))
    np.testing.assert_allclose(np.cov(direction.T), np.eye(4) / 4, atol=0.03)
    # The radius says nothing of the direction.
    assert np.abs([np.corrcoef(length, d)[0, 1] for d in direction.T]).max() < 5 / np.sqrt(3000)


@pytest.mark.parametrize("norm", NORMS)
def test_random_starts_differ_between_images_and_steps(norm):
    together = np.concatenate([_starts(norm, 100, step) for step in (0, 1)])
    assert len(np.unique(together, axis=0)) == 200


@pytest.mark.parametrize("norm", NORMS)
def test_random_start_stays_in_ball_and_pixel_range(norm):
    x, threat = tf.constant(random_images(100)), Threat(norm, 0.3)
    start = threat.start("uniform", x, seeds(100))
    assert np.min(start) >= 0 and np.max(start) <= 1
    assert np.max(threat.distance(start, x)) <= 0.3 + 1e-6


def test_bad_input_gets_its_sentence():
    with pytest.raises(InputError, match="^--norm=linf is unknown; did you mean Linf?"):
        Threat("linf", 0.1)
    for epsilon in (-0.1, float("nan")):
        with pytest.raises(InputError, match="^--eps=.* must be a number that is not negative"):
            Threat("L2", epsilon)


def test_a_gaussian_start_is_a_small_step_from_the_image():
    delta = 0.25 * _starts("Linf", 3000, kind="gaussian")
    np.testing.assert_allclose(delta.mean(axis=0), 0, atol=5e-3 / np.sqrt(3000))
    np.testing.assert_allclose(np.cov(delta.T) / 0.001**2, np.eye(4), atol=0.15)
    # A smaller ball and the pixel range bound it as they do every start.
    tiny = Threat("Linf", 1e-4)
    for level in (0.0, 0.5):
        start = tiny.start("gaussian", tf.fill((50, 2, 2, 1), level), seeds(50))
        assert np.min(start) >= 0 and np.abs(start - level).max() <= 1.001e-4


@pytest.mark.parametrize("norm", NORMS)
def test_no_start_is_the_image(norm):
    x = tf.constant(random_images(4))
    np.testing.assert_array_equal(Threat(norm, 0.3).start("none", x, seeds(4)), x)


def test_quantized_images_are_on_the_grid_and_in_the_ball():
    x = np.round(255 * random_images(40)) / np.float32(255)
    moved = tf.constant(x) + tf.random.stateless_uniform(x.shape, (1, 2), -0.06, 0.06)
    for norm, epsilon in (("Linf", 8 / 255), ("Linf", 0.03), ("L2", 0.05)):
        threat = Threat(norm, epsilon)
        x_adv = threat.project(moved, x)
        found = threat.quantized(x_adv, x)
        np.testing.assert_allclose(255 * found, np.round(255 * found), atol=1e-4)
        assert np.max(threat.distance(found, x)) <= epsilon + 1e-6
        assert np.max(np.abs(found - x_adv)) <= 1 / 255 + 1e-6
    # To the nearest level where the ball allows it, towards the image where it does not.
    x, x_adv = image(0.0, 0.2, 0.4, 0.6), image(1.6 / 255, 0.2, 0.4, 0.6)
    for epsilon, level in ((2, 2), (1.7, 1)):
        found = Threat("Linf", epsilon / 255).quantized(x_adv, x)
        np.testing.assert_allclose(255 * found[0, 0, 0, 0], level, atol=1e-4)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
