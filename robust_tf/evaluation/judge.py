"""One batch of an evaluation: attacked, judged, and checked to be within the threat model."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from robust_tf import draws
from robust_tf.attacks import Attack
from robust_tf.attacks.aims import UNTARGETED, Aim
from robust_tf.threat import Threat
from robust_tf.victim import Victim

# Rounding of x + delta in float32, absolute for pixels up to 1 and relative for a norm's sum.
ROUNDING = 1e-6


class Judged(NamedTuple):
    """What became of each image of a batch."""

    right: np.ndarray
    hit: np.ndarray  # the class aimed at or, untargeted, another than the label


def aim_of(attack: Attack) -> Aim:
    """What the attack wants; those that have no aim of their own are untargeted."""
    return getattr(attack, "aim", UNTARGETED)


def judge(name: str, attack: Attack, victim: Victim, seed: int, signature) -> Callable[..., Judged]:
    """A graph that attacks and judges (image, label, index) batches.

    Args:
      name: the attack's, for what is said of one that cheats.
      attack: what is run.
      victim: what is attacked, and what judges.
      seed: of all random draws.
      signature: of a batch.
    """
    threat, aim = attack.threat, aim_of(attack)

    @tf.function(input_signature=signature, autograph=False)
    def step(x, label, index):
        seeds = draws.image_seeds(seed, 0, index)
        x_adv = attack(victim, x, label, seeds)
        # The judge's own draws: an attack has not seen them.
        logits = victim(x_adv, draws.fold(seeds, -1))["logits"]
        # Without an answer, which a NaN is, an image is not right.
        answered = tf.reduce_all(tf.math.is_finite(logits), axis=-1)
        predicted = tf.where(answered, tf.argmax(logits, -1, output_type=label.dtype), -1)
        hit = predicted != label
        if aim.targeted:
            hit = predicted == attack.goal(victim, x, label, seeds)
        beyond = tf.reduce_max(tf.maximum(threat.low - x_adv, x_adv - threat.high))
        return predicted == label, hit, threat.distance(x_adv, x), beyond

    def judged(x, label, index) -> Judged:
        right, hit, distance, beyond = (value.numpy() for value in step(x, label, index))
        _check(name, threat, distance, beyond)
        return Judged(right, hit)

    return judged


def _check(name: str, threat: Threat, distance: np.ndarray, beyond: np.ndarray) -> None:
    """An attack that cheats, or makes a NaN, is a bug and not a result."""
    if not np.all(distance <= threat.epsilon * (1 + 10 * ROUNDING) + ROUNDING):
        raise ValueError(
            f"{name} left the threat model: {threat.norm} distance {np.max(distance)} "
            f"with epsilon {threat.epsilon}."
        )
    if not beyond <= ROUNDING:
        raise ValueError(
            f"{name} left the threat model: a pixel is {beyond} beyond "
            f"{threat.low} to {threat.high}."
        )
