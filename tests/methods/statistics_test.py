"""Tests of what replicas have of their own, as far as one of them shows it; resume_test has two."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from robust_tf.methods.statistics import OwnStatistics


def test_each_replica_gets_its_row_and_another_number_of_them_the_mean():
    norm, dropout = keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)
    images = keras.Input((3,))
    network = keras.Model(images, dropout(norm(images)))
    own = OwnStatistics(network, tf.distribute.get_strategy())
    assert not own.differ
    mean, variance = [[1.0, 2.0, 3.0], [3.0, 4.0, 7.0]], [[4.0, 4.0, 4.0], [2.0, 2.0, 2.0]]
    own.assign([np.array(rows, np.float32) for rows in (mean, variance)])
    np.testing.assert_array_equal(norm.moving_mean, [2.0, 3.0, 5.0])
    np.testing.assert_array_equal(norm.moving_variance, [3.0, 3.0, 3.0])
    own.assign([np.array(rows[:1], np.float32) for rows in (mean, variance)])
    np.testing.assert_array_equal(norm.moving_mean, mean[0])
    np.testing.assert_array_equal(own.rows(), [mean[:1], variance[:1]])


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
