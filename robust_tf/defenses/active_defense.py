"""Active Defense (paper 4, Algorithm 1): noise on an image, then descent on its feature loss.

    defense = ActiveDefense(networks.up_to(network, "group0"), delta=0.0124)
    t, steps, converged = defense(x, seeds)

It is a value and one graph, a tf.while_loop. Only the network up to the group runs in it, and
images that are done leave it.
"""

import dataclasses
from typing import NamedTuple

import keras
import tensorflow as tf

from robust_tf import draws
from robust_tf.errors import InputError, refuse_below
from robust_tf.leaving import any_number, leave, written
from robust_tf.losses import feature_loss


class Induced(NamedTuple):
    """What the defence made of each image."""

    t: tf.Tensor
    steps: tf.Tensor
    converged: tf.Tensor  # whether its feature loss came down to delta


class _Running(NamedTuple):
    """The images whose feature loss is still above delta."""

    place: tf.Tensor  # its row in the batch
    t: tf.Tensor
    d: tf.Tensor


@dataclasses.dataclass(frozen=True)
class ActiveDefense:
    """Algorithm 1, its defaults the paper's.

    Attributes:
      features: the network up to the group that is smoothed.
      delta: the feature loss at which an image is done.
      sigma: of the uniform noise.
      beta: step size of the raw gradient.
      cap: no image takes more steps than this.
      clip: each step ends in [0, 1], which the paper's does not.
    """

    features: keras.Model
    delta: float
    sigma: float = 0.075
    beta: float = 80.0
    cap: int = 1000
    clip: bool = False

    def __post_init__(self):
        refuse_below(0, "ActiveDefense", delta=self.delta, sigma=self.sigma, cap=self.cap)
        if not self.beta > 0:
            raise InputError(f"ActiveDefense's beta must be above 0, got {self.beta}.")

    def __call__(self, t: tf.Tensor, seeds: tf.Tensor) -> Induced:
        """The smoother images; fresh noise for each image's seed."""
        t = self.noisy(tf.convert_to_tensor(t), seeds)
        everybody = tf.range(tf.shape(t)[0])

        def step(i, running, found):
            L_F, d = self.look(running.t)
            # Line 4: while l > delta, with l = L_F(t). One that is no number is not above delta:
            # its image is lost, and ends at once.
            running, found = leave(
                running._replace(d=d),
                ~(L_F > self.delta),
                found,
                lambda *to: _record(*to, i, L_F <= self.delta),
            )
            # Line 6: t = t - beta d
            t = running.t - self.beta * running.d
            return i + 1, running._replace(t=tf.clip_by_value(t, 0, 1) if self.clip else t), found

        running = _Running(everybody, t, tf.zeros_like(t))
        found = Induced(t, tf.zeros_like(everybody), tf.zeros_like(everybody, tf.bool))
        i, running, found = tf.while_loop(
            lambda i, running, _: (i < self.cap) & (tf.size(running.place) > 0),
            step,
            (0, running, found),
            shape_invariants=(tf.TensorShape([]), any_number(running), any_number(found)),
            maximum_iterations=self.cap,
            parallel_iterations=1,
        )
        # At the cap. A convolution of no images fails in some of TensorFlow's runtimes.
        found = tf.cond(
            tf.size(running.place) > 0,
            lambda: _record(found, running, i, self.look(running.t)[0] <= self.delta),
            lambda: found,
        )
        return found._replace(t=tf.ensure_shape(found.t, t.shape))

    def noisy(self, t: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        """Line 2: t = t + uniform(-sigma, sigma)."""
        noise = {"minval": -self.sigma, "maxval": self.sigma, "dtype": t.dtype}
        return t + draws.per_image(tf.random.stateless_uniform, seeds, tuple(t.shape[1:]), **noise)

    def look(self, t: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Lines 3 and 5: each image's own L_F(t), and d = dL_F / dt."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(t)
            L_F = feature_loss(self.features(t, training=False))
            # The sum, whose gradient is that of each image's own loss; a mean's shrinks with the
            # batch.
            total = tf.reduce_sum(L_F)
        return L_F, tape.gradient(total, t)


def _record(found: Induced, running: _Running, steps, converged) -> Induced:
    converged = tf.broadcast_to(converged, tf.shape(running.place))
    steps = tf.broadcast_to(steps, tf.shape(running.place))
    return written(found, running.place, Induced(running.t, steps, converged))
