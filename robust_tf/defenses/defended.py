"""A victim that defends itself: every decision is made on smoothed images.

victim = defended_victim(network_victim(network), defense, outer_loops=10)
"""

import math

import tensorflow as tf

from robust_tf import draws
from robust_tf.defenses.active_defense import ActiveDefense
from robust_tf.victim import Victim


def defended_victim(bare: Victim, defense: ActiveDefense, outer_loops: int = 1) -> Victim:
    """The victim behind the defence.

    Beside the logits (of the softmaxes' average, as log-probabilities) it gives, for each image:
    steps, of all loops; converged, whether every loop ended by itself; and induced, the largest
    Linf distance that the defence put between the image and what was classified.

    To an attack's gradient the loop is the identity. Of a network with ReLU, and a loop that does
    not clip, it is that exactly: the feature loss is piecewise linear, so that a step moves the
    image by what does not depend on it.
    """

    def victim(x: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        def loop(k):
            here = draws.fold(seed, k)
            t, steps, converged = defense(x, draws.fold(here, 0))
            t = x + tf.stop_gradient(t - x)
            z = tf.cast(bare(t, draws.fold(here, 1))["logits"], tf.float32)
            induced = tf.cast(tf.reduce_max(tf.abs(t - x), axis=(1, 2, 3)), tf.float32)
            return tf.nn.log_softmax(z), steps, converged, induced

        def another(k, *before):
            log_p, steps, converged, induced = zip(before, loop(k), strict=True)
            ended, farthest = tf.logical_and(*converged), tf.maximum(*induced)
            return k + 1, _log_of_sum(*log_p), sum(steps), ended, farthest

        decided = loop(0)
        # Without a second one, its graph need not be made.
        if outer_loops > 1:
            _, *decided = tf.while_loop(
                lambda k, *_: k < outer_loops, another, (1, *decided), parallel_iterations=1
            )
        log_p, steps, converged, induced = decided
        return {
            "logits": log_p - math.log(outer_loops),
            "steps": steps,
            "converged": converged,
            "induced": induced,
        }

    return victim


def _log_of_sum(log_a: tf.Tensor, log_b: tf.Tensor) -> tf.Tensor:
    """log(a + b), finite where a and b themselves are too small for float32."""
    return tf.maximum(log_a, log_b) + tf.nn.softplus(-tf.abs(log_a - log_b))
