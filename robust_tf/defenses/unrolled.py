"""Active Defense with a gradient that bends: for an attack through every step of its loop.

    t = Unrolled(defense, networks.softened(defense.features, SOFTNESS))(x, seeds)

The way forward is the defence's own. On the way back each step t - beta dL_F(t)/dt has the Jacobian
1 - beta H, and H is the Hessian of the feature loss with ReLU and the absolute value rounded off:
theirs is zero wherever there is one, and an attack through it learns nothing of the loop.
"""

import dataclasses

import keras
import tensorflow as tf

from robust_tf.defenses.active_defense import ActiveDefense
from robust_tf.errors import InputError

# Over how much of an activation's argument the bend is spread, where batch norm makes it about 1;
# of the features, a share of delta, which is their own scale.
SOFTNESS = 0.1


@dataclasses.dataclass(frozen=True)
class Unrolled:
    """The loop of a defence, all of whose steps are kept for the way back.

    Attributes:
      defense: whose loop it is.
      soft_features: its features with softened activations.
    """

    defense: ActiveDefense
    soft_features: keras.Model

    def __post_init__(self):
        if self.defense.clip:
            raise InputError("A loop that clips cannot be softened; expected --nodefense_clip.")

    def __call__(self, x: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        """The smoother images."""

        t, steps, path = self._descend(tf.stop_gradient(self.defense.noisy(x, seeds)))

        @tf.custom_gradient
        def descended(x):
            return tf.ensure_shape(t, x.shape), lambda v: self._back(v, steps, path)

        return descended(x)

    def _descend(self, t: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
        """Each image's last t, how many steps led to it, and every t before a step."""
        defense = self.defense

        def step(k, t, steps, _, path):
            L_F, d = defense.look(t)
            going = L_F > defense.delta
            t_next = tf.where(going[:, None, None, None], t - defense.beta * d, t)
            return k + 1, t_next, steps + tf.cast(going, tf.int32), going, path.write(k, t)

        everybody = tf.ones_like(t[:, 0, 0, 0], tf.bool)
        path = tf.TensorArray(t.dtype, defense.cap, clear_after_read=False)
        _, t, steps, _, path = tf.while_loop(
            lambda k, t, steps, going, path: (k < defense.cap) & tf.reduce_any(going),
            step,
            (0, t, tf.cast(tf.zeros_like(everybody), tf.int32), everybody, path),
            parallel_iterations=1,
        )
        return t, steps, path

    def _back(self, v: tf.Tensor, steps: tf.Tensor, path: tf.TensorArray) -> tf.Tensor:
        """v times the Jacobian of every step, the last step first."""

        def step(k, v):
            made = (k < steps)[:, None, None, None]
            bent = v - self.defense.beta * self._hessian(path.read(k), v)
            return k - 1, tf.where(made, bent, v)

        begin = (tf.reduce_max(steps) - 1, v)
        return tf.while_loop(lambda k, _: k >= 0, step, begin, parallel_iterations=1)[1]

    def _hessian(self, t: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
        """H v, the gradient of v . dL_F/dt."""
        with tf.GradientTape(watch_accessed_variables=False) as outer:
            outer.watch(t)
            with tf.GradientTape(watch_accessed_variables=False) as inner:
                inner.watch(t)
                total = tf.reduce_sum(self._soft_feature_loss(t))
            along = tf.reduce_sum(inner.gradient(total, t) * v)
        return outer.gradient(along, t)

    def _soft_feature_loss(self, t: tf.Tensor) -> tf.Tensor:
        F = self.soft_features(t, training=False)
        F_m = F - tf.reduce_mean(F, axis=(1, 2, 3), keepdims=True)
        # |F - m|, rounded off at its bend.
        bend = tf.cast(SOFTNESS * self.defense.delta, F.dtype)
        return tf.reduce_mean(tf.sqrt(F_m**2 + bend**2), axis=(1, 2, 3))
