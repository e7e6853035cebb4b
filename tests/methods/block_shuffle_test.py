"""Tests of random_block_shuffle: every legal shuffle, no other, each as often as it should come."""

import collections
import itertools

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from robust_tf import draws
from robust_tf.errors import InputError
from robust_tf.methods.block_shuffle import random_block_shuffle
from tests.linear import seeds


def _pixels(count: int, height: int, width: int, channels: int = 1) -> np.ndarray:
    """Images whose pixels are their own places: 0, 1, 2, ..."""
    size = height * width * channels
    one = np.arange(size, dtype=np.float32).reshape(1, height, width, channels)
    return np.repeat(one, count, axis=0)


def _orders(side: int, k: int) -> collections.Counter:
    """Each order of a side's positions, with the number of (cuts, order of blocks) that make it."""
    orders = collections.Counter()
    for cuts in itertools.combinations(range(1, side), k - 1):
        edges = [0, *cuts, side]
        blocks = [range(*edge) for edge in itertools.pairwise(edges)]
        for order in itertools.permutations(blocks):
            orders[tuple(itertools.chain(*order))] += 1
    return orders


def _found(shuffled: np.ndarray) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The orders of rows and of columns that made this of `_pixels`; none other may have."""
    width = shuffled.shape[1]
    rows, columns = shuffled[:, 0, 0] // width, shuffled[0, :, 0] % width
    np.testing.assert_array_equal(shuffled[..., 0], rows[:, None] * width + columns)
    return tuple(rows.astype(int)), tuple(columns.astype(int))


def test_draws_by_hand(monkeypatch):
    # Keys of the cuts before positions 1, 2, 3, then of the blocks; columns are drawn first.
    drawn = iter([[0.1, 0.2, 0.9, 0.8, 0.3], [0.7, 0.1, 0.2, 0.6, 0.4]])
    monkeypatch.setattr(draws, "per_image", lambda *_, **__: tf.constant([next(drawn)]))
    shuffled = random_block_shuffle(_pixels(1, 4, 4), seeds(1), 2)[0, :, :, 0]
    # Column 3 comes before columns 0 to 2, row 0 after rows 1 to 3.
    assert shuffled.numpy().tolist() == [
        [7, 4, 5, 6],
        [11, 8, 9, 10],
        [15, 12, 13, 14],
        [3, 0, 1, 2],
    ]


@pytest.mark.parametrize("k", [2, 3, 4])
def test_every_legal_shuffle_comes_as_often_as_it_should_and_no_other(k):
    count = 3000
    shuffle = tf.function(random_block_shuffle, autograph=False)
    found = [_found(one) for one in shuffle(_pixels(count, 4, 4), seeds(count), k).numpy()]
    orders = _orders(4, k)
    for axis in (0, 1):
        seen = collections.Counter(pair[axis] for pair in found)
        assert set(seen) == set(orders)
        expected = [count * ways / orders.total() for ways in orders.values()]
        p_value = scipy.stats.chisquare([seen[order] for order in orders], expected).pvalue
        assert p_value > 1e-3
    if k == 2:
        # Rows and columns are independent: every pair of orders, as often as their product.
        pairs = list(itertools.product(orders, orders))
        expected = [count * orders[a] * orders[b] / orders.total() ** 2 for a, b in pairs]
        seen = collections.Counter(found)
        assert scipy.stats.chisquare([seen[pair] for pair in pairs], expected).pvalue > 1e-3


@pytest.mark.parametrize("k", [1, 2, 5])
def test_pixels_of_any_shape_are_moved_whole(k):
    x = np.random.default_rng(0).normal(size=(20, 5, 7, 3)).astype(np.float32)
    shuffled = random_block_shuffle(x, seeds(20), k).numpy()
    for was, now in zip(x.reshape(20, 35, 3), shuffled.reshape(20, 35, 3), strict=True):
        np.testing.assert_array_equal(was[np.lexsort(was.T)], now[np.lexsort(now.T)])
    assert np.array_equal(shuffled, x) == (k == 1)


def test_one_block_of_one_pixel():
    x = _pixels(3, 1, 1, 2)
    np.testing.assert_array_equal(random_block_shuffle(x, seeds(3), 1), x)


def test_an_image_is_shuffled_by_its_own_seed_alone():
    x, own = _pixels(8, 6, 6), seeds(8)
    together = random_block_shuffle(x, own, 3)
    alone = [random_block_shuffle(x[i : i + 1], own[i : i + 1], 3)[0] for i in range(8)]
    np.testing.assert_array_equal(together, alone)
    assert len({image.numpy().tobytes() for image in together}) == 8


def test_equal_seeds_are_one_shuffle():
    shuffled = random_block_shuffle(_pixels(5, 6, 6), tf.repeat(seeds(1), 5, axis=0), 3)
    assert len({image.numpy().tobytes() for image in shuffled}) == 1


def test_the_gradient_is_the_inverse_permutation():
    x, weights = _pixels(6, 4, 5), np.random.default_rng(1).normal(size=(6, 4, 5, 1))
    images = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(images)
        shuffled = random_block_shuffle(images, seeds(6), 2)
        total = tf.reduce_sum(shuffled * weights.astype(np.float32))
    gradient = tape.gradient(total, images).numpy().reshape(6, 20)
    came_from = shuffled.numpy().reshape(6, 20).astype(int)
    np.testing.assert_array_equal(
        np.take_along_axis(gradient, came_from, axis=1),
        weights.astype(np.float32).reshape(6, 20),
    )


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_a_graph_shuffles_any_type_as_python_does(dtype):
    x = tf.cast(_pixels(4, 4, 4), dtype)
    eager = random_block_shuffle(x, seeds(4), 3)
    signature = [tf.TensorSpec([None, 4, 4, 1], dtype), tf.TensorSpec([None, 2], tf.int32)]
    graph = tf.function(lambda x, s: random_block_shuffle(x, s, 3), signature, autograph=False)
    assert eager.dtype == dtype
    np.testing.assert_array_equal(eager, graph(x, seeds(4)))
    np.testing.assert_array_equal(eager, random_block_shuffle(_pixels(4, 4, 4), seeds(4), 3))


@pytest.mark.parametrize("k", [0, 5])
def test_more_blocks_than_pixels_are_refused(k):
    expected = rf"^--rlfat_blocks={k} must be between 1 and the 4 pixels of the images'"
    with pytest.raises(InputError, match=expected):
        random_block_shuffle(_pixels(1, 4, 6), seeds(1), k)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
