"""Whole images are picked, whatever their shape."""

import numpy as np
import pytest
import tensorflow as tf

from robust_tf.attacks.choosing import choose


@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (2, 2, 3), (1, 1, 1)])
def test_each_row_comes_from_one_side(shape):
    these, others = tf.ones((3, *shape)), tf.zeros((3, *shape))
    found = choose(tf.constant([True, False, True]), these, others)
    assert found.shape == (3, *shape)
    for row, value in zip(found, (1, 0, 1), strict=True):
        np.testing.assert_array_equal(row, np.full(shape, value))


def test_a_nan_that_is_not_chosen_leaves_no_trace():
    nan = tf.fill((1, 2, 2, 1), float("nan"))
    found = choose(tf.constant([False]), nan, tf.ones_like(nan))
    np.testing.assert_array_equal(found, np.ones((1, 2, 2, 1)))


def test_no_images_stay_none():
    nothing = tf.zeros((0, 2, 2, 3))
    assert choose(tf.zeros((0,), tf.bool), nothing, nothing).shape == (0, 2, 2, 3)
