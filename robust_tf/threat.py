"""What an adversary may do to an image: a ball of a norm, within the pixel range.

    threat = Threat("Linf", 8 / 255)
    x_adv = threat.project(x_adv + step_size * threat.steepest(gradient), x)

It alone projects, draws random starts and takes a steepest step. The new geometry of another norm
is these three operations.
"""

import dataclasses

import tensorflow as tf

from robust_tf import draws
from robust_tf.errors import InputError, unknown

NORMS = ("Linf", "L2")
STARTS = ("none", "uniform", "gaussian", "edge")
GAUSSIAN_START = 0.001


def _length(x: tf.Tensor) -> tf.Tensor:
    """Each image's L2 norm, shaped to broadcast; tiny instead of 0, so that it divides."""
    squares = tf.reduce_sum(tf.square(x), axis=(1, 2, 3), keepdims=True)
    return tf.sqrt(tf.maximum(squares, 1e-24))


@dataclasses.dataclass(frozen=True)
class Threat:
    """All images within `epsilon` of the original in `norm`, with pixels in [low, high].

    Within a graph epsilon may be a tensor, as in a curriculum.
    """

    norm: str
    epsilon: float
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self):
        if self.norm not in NORMS:
            raise unknown("--norm", self.norm, NORMS)
        if not tf.is_tensor(self.epsilon) and not self.epsilon >= 0:
            raise InputError(f"--eps={self.epsilon} must be a number that is not negative.")

    def project(self, x_adv: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """The image of the threat model nearest to x_adv (for L2: ball first, then pixel range)."""
        delta = x_adv - x
        if self.norm == "Linf":
            delta = tf.clip_by_value(delta, -self.epsilon, self.epsilon)
        else:
            delta *= tf.minimum(1.0, self.epsilon / _length(delta))
        # Clipping moves towards x, which is in range, so it never leaves the ball.
        return tf.clip_by_value(x + delta, self.low, self.high)

    def quantized(self, x_adv: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """The images on the 8-bit grid: the nearest to them that are in the ball."""
        if self.norm == "Linf":
            # In a thousandth of a level there is room for rounding.
            lowest = tf.math.ceil(255.0 * (x - self.epsilon) - 1e-3)
            highest = tf.floor(255.0 * (x + self.epsilon) + 1e-3)
            return tf.clip_by_value(tf.round(255.0 * x_adv), lowest, highest) / 255.0

        def rounded(share):
            return tf.round(255.0 * (x + share * (x_adv - x))) / 255.0

        def halve(i, least, most):
            share = (least + most) / 2
            near = self.distance(rounded(share), x) <= self.epsilon
            near = tf.reshape(near, (-1, 1, 1, 1))
            return i + 1, tf.where(near, share, least), tf.where(near, most, share)

        nothing = tf.zeros_like(x[:, :1, :1, :1])
        # The whole is tried first: most images are within the ball as they are.
        _, least, _ = tf.while_loop(
            lambda i, *_: i < 12, halve, (0, nothing, nothing + 2.0), parallel_iterations=1
        )
        return rounded(tf.minimum(least, 1.0))

    def start(self, kind: str, x: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        """Where an attack begins, within the pixel range.

        Args:
          kind: none (the image itself), uniform (a draw that is uniform in the ball), gaussian
            (the image with noise of standard deviation 0.001, as TRADES starts) or edge (a draw
            at distance epsilon, as AutoAttack starts).
          x: images.
          seeds: one pair an image.
        """
        if kind == "none":
            return x
        shape = tuple(x.shape[1:])
        if kind == "gaussian":
            noise = draws.per_image(tf.random.stateless_normal, seeds, shape)
            return self.project(x + GAUSSIAN_START * noise, x)
        if self.norm == "Linf":
            noise = draws.per_image(
                tf.random.stateless_uniform, seeds, shape, minval=-1.0, maxval=1.0
            )
            if kind == "edge":
                noise /= tf.reduce_max(tf.abs(noise), axis=(1, 2, 3), keepdims=True)
            return self.project(x + self.epsilon * noise, x)
        direction = draws.per_image(tf.random.stateless_normal, seeds, shape)
        noise = direction / _length(direction)
        if kind == "uniform":
            share = draws.per_image(tf.random.stateless_uniform, draws.fold(seeds, 0), (1, 1, 1))
            # The volume within radius r grows as r^d.
            noise *= share ** (1.0 / x.shape[1:].num_elements())
        return self.project(x + self.epsilon * noise, x)

    def steepest(self, gradient: tf.Tensor) -> tf.Tensor:
        """The direction of norm 1 in which a linear function of this gradient grows most."""
        if self.norm == "Linf":
            return tf.sign(gradient)
        # A confident network's gradient is so small that its square is 0: to order 1 first.
        largest = tf.reduce_max(tf.abs(gradient), axis=(1, 2, 3), keepdims=True)
        gradient /= tf.maximum(largest, 1e-37)
        return gradient / _length(gradient)

    def distance(self, x_adv: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """Each image's distance from the original, in this norm."""
        delta = x_adv - x
        if self.norm == "Linf":
            return tf.reduce_max(tf.abs(delta), axis=(1, 2, 3))
        return tf.sqrt(tf.reduce_sum(tf.square(delta), axis=(1, 2, 3)))
