"""The class boundary nearest to an image, from the rows of the Jacobian of the victim's outputs.

    boundary = nearest_boundary(victim, threat, x, label, classes, seeds)

There is one forward pass. Its backward passes, one a class, run one after the other in a
tf.while_loop that keeps the nearest boundary alone: memory does not grow with the classes.
"""

from typing import NamedTuple

import tensorflow as tf

from robust_tf.attacks.choosing import choose
from robust_tf.threat import Threat
from robust_tf.victim import Victim


class Boundary(NamedTuple):
    """For each image x the hyperplane f + <w, y - x> = 0, at which another class takes over."""

    distance: tf.Tensor  # |f| / ||w||_q, infinite where w is 0
    f: tf.Tensor  # z_k - z_label at x
    w: tf.Tensor  # its gradient


def nearest_boundary(
    victim: Victim,
    threat: Threat,
    x: tf.Tensor,
    label: tf.Tensor,
    classes: tf.Tensor,
    seeds: tf.Tensor,
    output: str = "logits",
) -> Boundary:
    """Of the boundaries between each image's label and its `classes`, linearised, the nearest.

    Args:
      victim: what is attacked.
      threat: its norm measures distances; q is the dual of it.
      x: images.
      label: their labels.
      classes: those that are looked at for each image, shape (batch, count).
      seeds: one pair an image.
      output: which of the victim's outputs z is.
    """
    # The images alone are watched: the gradient of the weights is not computed.
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(x)
        z = tf.cast(victim(x, seeds)[output], x.dtype)

    def boundary(k):
        one, other = (
            tf.one_hot(c, z.shape[-1], dtype=z.dtype)
            for c in (tf.gather(classes, k, axis=1), label)
        )
        f = tf.reduce_sum(z * (one - other), axis=-1)
        w = tape.gradient(z, x, output_gradients=one - other)
        # ||w||_q is how fast <w, .> grows where it grows most.
        slope = tf.reduce_sum(w * threat.steepest(w), axis=(1, 2, 3))
        infinity = tf.constant(float("inf"), x.dtype)
        return Boundary(tf.where(slope > 0, tf.abs(f) / slope, infinity), f, w)

    def look(k, nearest):
        following = boundary(k)
        nearer = following.distance < nearest.distance
        return k + 1, tf.nest.map_structure(
            lambda new, old: choose(nearer, new, old), following, nearest
        )

    count, first = classes.shape[1], boundary(0)
    if count == 1:
        return first
    return tf.while_loop(
        lambda k, _: k < count,
        look,
        (1, first),
        maximum_iterations=count - 1,
        parallel_iterations=1,
    )[1]
