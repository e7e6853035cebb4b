"""What an attack wants: each aim maps (victim, x, label, seeds) to the goal that its loss is given.

An untargeted attack ascends the loss of the goal, a targeted one descends it. GIVEN leads to the
class that is handed over in the label's place.
"""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from robust_tf import draws
from robust_tf.victim import Victim


def _label(victim: Victim, x: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
    return label


def _clean_prediction(victim: Victim, x: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor):
    return tf.stop_gradient(tf.nn.softmax(victim(x, seeds)["logits"]))


def _random_class(victim: Victim, x: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
    # Only the number of classes is taken from the call, so a graph never runs it.
    classes = victim(x, seeds)["logits"].shape[-1]
    shift = draws.per_image(
        tf.random.stateless_uniform, seeds, minval=1, maxval=classes, dtype=tf.int32
    )
    return (label + tf.cast(shift, label.dtype)) % classes


def _extreme_class(sign: float) -> Callable:
    """The wrong class with the highest (sign 1) or lowest (sign -1) logit on the clean image."""

    def choose(victim: Victim, x: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        score = sign * victim(x, seeds)["logits"]
        is_label = tf.one_hot(label, score.shape[-1], on_value=True, off_value=False)
        wrong = tf.where(is_label, score.dtype.min, score)
        return tf.argmax(wrong, axis=-1, output_type=label.dtype)

    return choose


def likeliest_wrong(victim: Victim, x: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor, count: int):
    """The `count` wrong classes of highest logit, or all: shape (batch, count), likeliest first."""
    z = tf.cast(victim(x, seeds)["logits"], tf.float32)
    classes = z.shape[-1]
    wrong = tf.where(tf.one_hot(label, classes) > 0, -float("inf"), z)
    return tf.cast(tf.math.top_k(wrong, min(count, classes - 1)).indices, label.dtype)


@dataclasses.dataclass(frozen=True)
class Aim:
    """A named choice of goal, and whether the loss of it is descended (targeted) or ascended."""

    name: str
    choose: Callable[[Victim, tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]
    targeted: bool


UNTARGETED = Aim("untargeted", _label, targeted=False)
GIVEN = Aim("given", _label, targeted=True)
CLEAN_PREDICTION = Aim("clean_prediction", _clean_prediction, targeted=False)
RANDOM = Aim("random", _random_class, targeted=True)
MOST_CONFUSING = Aim("most_confusing", _extreme_class(1.0), targeted=True)
LEAST_LIKELY = Aim("least_likely", _extreme_class(-1.0), targeted=True)

TARGETS = {aim.name: aim for aim in (RANDOM, MOST_CONFUSING, LEAST_LIKELY)}
