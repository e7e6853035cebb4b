"""Tests of robust_tf.attacks.fab_projections: no nearer point of the plane lies in the range."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import linprog

from robust_tf.attacks.fab_projections import onto_hyperplane
from robust_tf.threat import Threat

PIXELS = 4
ORDER = {"Linf": np.inf, "L2": 2}


def _cases(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Points with pixels at the range's ends, normals with zeros, and gaps of which each is
    feasible or not."""
    rng = np.random.default_rng(5)
    x = np.clip(rng.uniform(-0.3, 1.3, (count, PIXELS)), 0, 1)
    w = rng.normal(size=(count, PIXELS)) * (rng.uniform(size=(count, PIXELS)) > 0.2)
    share, sign = rng.uniform(0, 1.5, count), rng.choice([-1, 1], count)
    corner = np.where(sign[:, None] * w > 0, 1, 0)
    return x, w, share * np.sum(w * (corner - x), axis=1), share < 1


def _project(norm: str, x, w, gap, dtype=tf.float64, **pixel_range) -> np.ndarray:
    arguments = (tf.constant(t, dtype) for t in (x, w, gap))
    return onto_hyperplane(Threat(norm, 0.1, **pixel_range), *arguments).numpy()


def _least_linf(x: np.ndarray, w: np.ndarray, gap: float) -> float:
    """min s such that -s <= d_i <= s, as a linear program in (d, s)."""
    one = np.ones((PIXELS, 1))
    found = linprog(
        np.append(np.zeros(PIXELS), 1),
        A_ub=np.block([[np.eye(PIXELS), -one], [-np.eye(PIXELS), -one]]),
        b_ub=np.zeros(2 * PIXELS),
        A_eq=[np.append(w, 0)],
        b_eq=[gap],
        bounds=[*zip(-x, 1 - x, strict=True), (0, None)],
    )
    return found.fun


def _least_l2(x: np.ndarray, w: np.ndarray, gap: float) -> float:
    """Over all choices of which pixels are at which end of the range: the others follow w."""
    best = np.inf
    for ends in itertools.product([0, 1, None], repeat=PIXELS):
        free = np.array([end is None for end in ends])
        d = np.array([0 if end is None else end for end in ends]) - x
        square = np.sum(w[free] ** 2)
        left = gap - np.sum((w * d)[~free])
        d[free] = w[free] * (left / square if square else 0)
        inside = np.all((x + d > -1e-12) & (x + d < 1 + 1e-12))
        if inside and abs(np.sum(w * d) - gap) < 1e-12:
            best = min(best, np.linalg.norm(d))
    return best


@pytest.mark.parametrize(("norm", "least"), [("Linf", _least_linf), ("L2", _least_l2)])
def test_nothing_on_the_plane_is_nearer(norm, least):
    x, w, gap, feasible = (t[:60] for t in _cases(60))
    d = _project(norm, x, w, gap)
    assert np.all((x + d > -1e-12) & (x + d < 1 + 1e-12))
    on_plane = np.abs(np.sum(w * d, axis=1) - gap) < 1e-9
    np.testing.assert_array_equal(on_plane, feasible)
    expected = [least(*case) for case in zip(x[feasible], w[feasible], gap[feasible], strict=True)]
    np.testing.assert_allclose(np.linalg.norm(d, ORDER[norm], axis=1)[feasible], expected, 1e-7)


@pytest.mark.parametrize("norm", ORDER)
def test_a_plane_out_of_reach_gives_the_nearest_point_of_the_range(norm):
    x, w = [[0.25, 0.5, 0.75, 1.0]], [[2.0, -1.0, 0.0, 1.0]]
    np.testing.assert_allclose(_project(norm, x, w, [9.0]), [[0.75, -0.5, 0, 0]])
    np.testing.assert_allclose(_project(norm, x, w, [-9.0]), [[-0.25, 0.5, 0, -1]])


def test_by_hand():
    x, w = [[0.5, 0.5, 0.875, 0.5]], [[2.0, -1.0, 4.0, 0.0]]
    # Linf: 2 t + t + 4 t = 7 t until pixel 2 stops at 1/8, then 7/8 + 3 (t - 1/8).
    expected = [[0.25, -0.25, 0.125, 0.0]]
    np.testing.assert_array_equal(np.abs(_project("Linf", x, w, [1.25])), np.abs(expected))
    # L2: (4 + 1) t + 4 / 8.
    np.testing.assert_allclose(_project("L2", x, w, [1.0]), [[0.2, -0.1, 0.125, 0]])
    # Another pixel range stops nothing here: 21 t.
    found = _project("L2", x, w, [2.1], low=-2.0, high=2.0)
    np.testing.assert_allclose(found, [[0.2, -0.1, 0.4, 0]])


@pytest.mark.parametrize("norm", ORDER)
@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e20])
def test_float32_has_the_precision_of_its_gap_at_every_scale(norm, scale):
    x, w, gap, _ = _cases(60)
    exact = _project(norm, x, w, gap)
    found = _project(norm, x, w * scale, gap * scale, tf.float32)
    np.testing.assert_allclose(found, exact, atol=1e-5)


@pytest.mark.parametrize("norm", ORDER)
def test_a_row_does_not_know_its_neighbours(norm):
    x, w, gap, _ = _cases(20)
    together = _project(norm, x, w, gap, tf.float32)
    alone = [
        _project(norm, *(t[None] for t in row), tf.float32)[0]
        for row in zip(x, w, gap, strict=True)
    ]
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("norm", ORDER)
@pytest.mark.parametrize(("w", "gap"), [(0.0, 1.0), (0.0, 0.0), (1.0, 0.0)])
def test_without_normal_or_gap_nothing_moves(norm, w, gap):
    np.testing.assert_array_equal(_project(norm, [[0.5] * 4], [[w] * 4], [gap]), np.zeros((1, 4)))


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
