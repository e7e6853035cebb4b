"""What the tests of callbacks share: a method that trains in milliseconds, and its fit."""

import keras
import numpy as np
import tensorflow as tf

from robust_tf import optim
from robust_tf.attacks import PGD
from robust_tf.methods import METHODS, Method
from robust_tf.threat import Threat
from tests.linear import linear_network, random_images

BATCH = (tf.constant(random_images(8)), tf.constant([0, 1] * 4), tf.range(8))


def method(rate: float = 0.1, **options) -> Method:
    """PGD-AT of a linear network with two classes.

    Args:
      rate: the learning rate.
      **options: of the optimizer.
    """
    weights = np.random.default_rng(0).normal(size=(4, 2))
    attack = PGD(Threat("Linf", 0.25), steps=1)
    made = METHODS["pgd_at"](linear_network(weights), attack=attack, val_attack=attack)
    made.compile(optim.SGD(rate, **options))
    return made


def fit(
    trained: Method, *watching: keras.callbacks.Callback, steps: int = 2, first_epoch: int = 0
) -> None:
    """Two epochs, or those that are left of them, each with a validation."""
    data = tf.data.Dataset.from_tensors(BATCH).repeat()
    trained.fit(
        data,
        epochs=2,
        initial_epoch=first_epoch,
        steps_per_epoch=steps,
        validation_data=data,
        validation_steps=1,
        callbacks=list(watching),
        shuffle=False,
        verbose=0,
    )
