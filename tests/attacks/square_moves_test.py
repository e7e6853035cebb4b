"""Tests of robust_tf.attacks.square_moves: what start and queries change, and the schedule."""

import numpy as np
import pytest
import tensorflow as tf

from robust_tf.attacks.square import Square
from robust_tf.attacks.square_moves import eta
from robust_tf.threat import Threat
from tests.linear import seeds

SIDE = 6
SHAPE = (SIDE, SIDE, 2)


def _asked(attack: Square, x: np.ndarray) -> list[np.ndarray]:
    """The images of each query, where no change stays: each is the start with one change."""
    asked = []

    def flat(images, seed):
        asked.append(images.numpy())
        return {"logits": tf.zeros((len(images), 2))}

    found = attack(flat, tf.constant(x), tf.zeros(len(x), tf.int32), seeds(len(x)))
    np.testing.assert_array_equal(found, asked[0])
    return asked


def test_linf_starts_from_vertical_stripes():
    x = np.full((50, *SHAPE), 0.5, np.float32)
    attack = Square(Threat("Linf", 0.125), queries=1)
    moved = _asked(attack, x)[0] - x
    np.testing.assert_array_equal(moved, np.repeat(moved[:, :1], SIDE, axis=1))
    signs = moved[:, 0] / 0.125
    assert set(np.unique(signs)) == {-1, 1}
    # Of each column and each channel its own: 600 signs, of which half are positive.
    assert abs(np.mean(signs)) < 5 / np.sqrt(600)
    assert len(np.unique(np.reshape(signs, (50, -1)), axis=0)) == 50


def test_linf_changes_one_square_of_one_sign_a_channel():
    x = np.full((60, *SHAPE), 0.5, np.float32)
    attack = Square(Threat("Linf", 0.125), queries=11, p_init=0.25)
    asked = _asked(attack, x)
    tops = set()
    for images in asked[1:]:
        for before, after in zip(asked[0], images, strict=True):
            changed = np.argwhere(np.any(after != before, axis=-1))
            assert np.all(np.ptp(changed, axis=0) < 3) if len(changed) else True
            tops.update(changed[:, 0])
            for c in range(2):
                new = after[..., c][after[..., c] != before[..., c]] - 0.5
                assert len(np.unique(new)) <= 1 and set(np.abs(new)) <= {0.125}
    # The paper's squares reach the last row too.
    assert tops == set(range(SIDE))


def test_l2_starts_from_a_grid_of_patterns():
    x = np.full((20, 10, 10, 1), 0.5, np.float32)
    tiles = (
        (_asked(Square(Threat("L2", 1.0), queries=1), x)[0] - x)
        .reshape(20, 5, 2, 5, 2)
        .transpose(0, 1, 3, 2, 4)
        .reshape(-1, 2, 2)
    )
    # 25 tiles of side 2, each of norm 1/5: one eta upright or lying, of either sign.
    upright = np.array([[0.25, -0.25], [1.25, -1.25]]) / np.sqrt(3.25) / 5
    kinds = np.array([upright, -upright, upright.T, -upright.T])
    distances = np.abs(tiles[:, None] - kinds).max(axis=(2, 3))
    assert distances.min(axis=1).max() < 1e-6
    assert set(distances.argmin(axis=1)) == {0, 1, 2, 3}


def test_l2_leaves_what_is_outside_its_windows_and_empties_the_second():
    x = np.full((40, 9, 9, 1), 0.5, np.float32)
    attack = Square(Threat("L2", 1.0), queries=4, p_init=0.1)
    asked = _asked(attack, x)
    moved = 0
    for images in asked[1:]:
        for before, after in zip(asked[0], images, strict=True):
            # Windows of 3 x 3.
            changed = np.any(np.abs(after - before) > 1e-6, axis=-1)
            assert changed.sum() <= 18
            moved += np.any((after[..., 0] == 0.5) & changed)
    assert moved > 60


@pytest.mark.parametrize(
    ("side", "expected"),
    [
        (1, [[-1.0]]),
        # n = 1: a pyramid is 1/4 around its top, and 1/4 + 1 there: r = 2; s = 1 of 1 and 2 of 2.
        (3, [[0.25, -0.25, -0.25], [1.25, -0.25, -1.25], [0.25, -0.25, -0.25]]),
    ],
)
def test_eta_by_hand(side, expected):
    np.testing.assert_allclose(eta(side), expected / np.linalg.norm(expected), atol=1e-12)


@pytest.mark.parametrize("side", [2, 5, 12, 29])
def test_eta_has_norm_1_and_two_signs(side):
    pattern = eta(side)
    assert pattern.shape == (side, side) and np.linalg.norm(pattern) == pytest.approx(1)
    assert np.all(pattern[:, : side // 2] > 0) and np.all(pattern[:, side // 2 :] < 0)


def test_the_side_follows_the_schedule_by_hand():
    sides = Square(Threat("Linf", 0.1), queries=9000).sides(32, 32)
    # sqrt(0.8 * 1024 / 2^k): 28.6, 20.2, 14.3, 10.1, 7.2, 5.1, 3.6, 2.5, 1.8, 1.3
    first = [0, 11, 51, 201, 501, 1001, 2001, 4001, 6001, 8001]
    lasts = [*(f - 1 for f in first[1:]), 8999]
    expected = [29, 20, 14, 10, 7, 5, 4, 3, 2, 1]
    assert [sides[f] for f in first] == expected
    assert [sides[last] for last in lasts] == expected


def test_the_windows_of_l2_are_odd_and_at_least_3():
    sides = Square(Threat("L2", 0.5), queries=9000).sides(32, 32)
    assert sorted(set(sides), reverse=True) == [29, 21, 15, 11, 7, 5, 3]
    assert sides[:11] == [29] * 11 and sides[8999] == 3
    assert set(Square(Threat("L2", 0.5), queries=5).sides(2, 2)) == {2}


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
