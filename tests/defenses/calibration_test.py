"""Calibration: delta and beta by hand, and what cannot be calibrated."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from robust_tf import networks
from robust_tf.defenses import ActiveDefense, calibrate, calibration
from robust_tf.errors import InputError
from robust_tf.losses import feature_loss
from tests.defenses.features import PIXELS
from tests.linear import image, seeds


def _contrast(*differences: float) -> np.ndarray:
    """Images whose feature loss is half the difference of their halves."""
    return np.concatenate(
        [image(0.5 - d / 2, 0.5 - d / 2, 0.5 + d / 2, 0.5 + d / 2) for d in differences]
    )


def test_delta_is_a_share_of_the_mean_training_loss_and_beta_gives_300_steps():
    training = [tf.constant(_contrast(0.2, 0.4)), tf.constant(_contrast(0.6))]
    # The median image: 0.4, of which a step takes beta / 4.
    found = calibrate(PIXELS, training, tf.constant(_contrast(0.7, 0.8, 0.9)), seeds(3), sigma=0.0)
    assert found.training_loss == pytest.approx(0.2)
    assert found.delta == pytest.approx(0.95 * 0.2)
    assert found.beta == pytest.approx((0.4 - 0.19) * 4 / 300, rel=1e-3)
    assert found.median_steps == pytest.approx(300, abs=1)


def test_on_a_network_the_median_image_takes_its_steps():
    network = networks.build("wrn-10-1", (8, 8, 3), 3, seed=1)
    features = networks.up_to(network, "group0")
    x = tf.constant(np.random.default_rng(0).uniform(size=(16, 8, 8, 3)).astype(np.float32))
    found = calibrate(features, [x], x, seeds(16))
    assert found.delta == pytest.approx(0.95 * float(np.mean(feature_loss(features(x)))))
    defense = tf.function(ActiveDefense(features, delta=found.delta, beta=found.beta).__call__)
    assert 200 <= np.median(defense(x, seeds(16)).steps) <= 400


def test_steps_that_leap_over_the_smooth_image_are_made_smaller():
    """From a beta at which the loss goes up and down, without an end."""
    # The first gradient is of 16 pixels at once, those behind it of fewer and fewer.
    images = keras.Input((2, 2, 1))
    steep = keras.Model(images, keras.layers.Rescaling(3.0)(images))
    defense = ActiveDefense(steep, delta=0.01, sigma=0.0, beta=2.0, cap=50)
    found = defense(tf.constant(_contrast(0.5)), seeds(1))
    assert not found.converged[0] and calibration._overshoots(defense, found)
    small = dataclasses.replace(defense, beta=1e-4)
    assert not calibration._overshoots(small, small(tf.constant(_contrast(0.5)), seeds(1)))


def test_images_that_are_smooth_enough_as_they_are_ask_for_noise():
    smooth = tf.constant(_contrast(0.1, 0.1))
    with pytest.raises(InputError, match="sigma 0.0 .* 0.05, not above delta 0.19; expected a"):
        calibrate(PIXELS, [tf.constant(_contrast(0.4))], smooth, seeds(2), sigma=0.0)


def test_features_that_cannot_be_smoothed_are_refused():
    # Half of the features are constant: the loss has a floor above delta.
    images = keras.Input((2, 2, 1))
    doubled = keras.layers.Rescaling(1.0, offset=[0.0, 9.0])
    both = keras.layers.Concatenate()([images, images])
    floor = keras.Model(images, doubled(both))
    with pytest.raises(InputError, match="No beta was found .* expected a network trained with"):
        calibrate(floor, [tf.constant(_contrast(0.2))], tf.constant(_contrast(0.9)), seeds(1), 0.5)
