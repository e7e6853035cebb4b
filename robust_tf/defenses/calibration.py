"""Finds Active Defense's delta and beta for a network.

    found = calibrate(features, training_batches, images, seeds)
    defense = ActiveDefense(features, delta=found.delta, beta=found.beta)

The paper's beta of 80 belongs to the paper's network: the batch norm behind the group leaves the
scale of the features, and with it that of the gradient, free.
"""

import dataclasses
import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from robust_tf.defenses.active_defense import ActiveDefense, Induced
from robust_tf.errors import InputError
from robust_tf.losses import feature_loss

# The paper's delta of 0.0124 is 0.95 of its training L_F of 0.0130; CIFAR-100: 0.0118 of 0.01258.
SHARE = 0.95
# "Usually, a single Active Defense takes about 200-400 iterations."
FEWEST, MOST = 200, 400
TRIALS = 12


class Calibration(NamedTuple):
    """What was found, and on what."""

    delta: float
    beta: float
    training_loss: float  # mean L_F of the training images
    median_steps: float


def calibrate(
    features: keras.Model,
    training: Iterable[tf.Tensor],
    images: tf.Tensor,
    seeds: tf.Tensor,
    sigma: float = 0.075,
    say: Callable[[str], object] = lambda so_far: None,
) -> Calibration:
    """Delta from the training images, and beta so that the median image takes 200 to 400 steps.

    Args:
      features: the network up to the group that is smoothed.
      training: batches of training images, not augmented.
      images: on which steps are counted.
      seeds: of their noise.
      sigma: of the noise.
      say: is told how far it is.
    """
    graph = tf.function(lambda x: feature_loss(features(x, training=False)), autograph=False)
    losses = []
    for x in training:
        losses.extend(graph(x).numpy())
        say(f"feature loss of {len(losses):,} images: {np.mean(losses):.4g}")
    training_loss = float(np.mean(losses))
    defense = ActiveDefense(features, delta=SHARE * training_loss, sigma=sigma)
    beta, taken = _first_beta(defense, images, seeds), []
    too_small, too_large = 0.0, math.inf
    for _ in range(TRIALS):
        say(f"trying beta {beta:.3g}")
        defense = dataclasses.replace(defense, beta=beta)
        found = tf.function(defense, autograph=False)(images, seeds)
        median = float(np.median(found.steps))
        if FEWEST <= median <= MOST:
            return Calibration(defense.delta, beta, training_loss, median)
        taken.append(f"{median:.0f} at beta {beta:.3g}")
        if median < FEWEST or _overshoots(defense, found):
            too_large = beta
        else:
            too_small = beta
        # A step of twice the size does twice as much, until it overshoots.
        beta *= max(median, 1.0) / ((FEWEST + MOST) / 2)
        if not too_small < beta < too_large:
            beta = math.sqrt(too_small * too_large) if too_small else too_large / 4
    raise _no_beta(", ".join(taken))


def _overshoots(defense: ActiveDefense, found: Induced) -> bool:
    """Whether the images that are not done get no smoother: the steps leap over where they are."""
    running = tf.boolean_mask(found.t, ~found.converged)
    if not len(running):
        return False
    before, d = defense.look(running)
    after, _ = defense.look(running - defense.beta * d)
    return bool(np.median(after - before) >= 0)


def _first_beta(defense: ActiveDefense, images: tf.Tensor, seeds: tf.Tensor) -> float:
    """At which the first gradient, kept up, would take the median image to delta in 300 steps."""
    noisy = dataclasses.replace(defense, cap=0)(images, seeds).t
    L_F, d = defense.look(noisy)
    # A step changes L_F by beta |d|^2.
    slope = tf.reduce_sum(tf.square(d), axis=(1, 2, 3))
    distance = np.median(tf.math.divide_no_nan(L_F - defense.delta, slope))
    if np.median(L_F) <= defense.delta:
        raise InputError(
            f"With noise of sigma {defense.sigma} the median image's feature loss is "
            f"{np.median(L_F):.4g}, not above delta {defense.delta:.4g}; expected a greater sigma."
        )
    if not distance > 0:
        raise _no_beta("its feature loss has no gradient")
    return float(distance / ((FEWEST + MOST) / 2))


def _no_beta(why: str) -> InputError:
    return InputError(
        f"No beta was found at which the median image takes {FEWEST} to {MOST} steps ({why}); "
        "expected a network trained with --method=smoothing."
    )
