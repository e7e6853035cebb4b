"""N attack (Li et al. 2019, https://arxiv.org/abs/1905.00441), without gradients: natural evolution
strategies learn, for each image, the mean of a Gaussian whose draws fool the victim.

    attack = NAttack(Threat("Linf", 8 / 255))
    x_adv = attack(victim, x, label, seeds)

It is a value and one graph. Every population is drawn from the image's own seeds.
"""

import dataclasses
import math
from typing import NamedTuple

import tensorflow as tf

from robust_tf import draws, losses
from robust_tf.attacks.choosing import choose
from robust_tf.errors import InputError, refuse_below
from robust_tf.leaving import any_number, leave, written
from robust_tf.threat import Threat
from robust_tf.victim import Victim

# The deviation of the first mean, as in the public code.
FIRST_MEAN = 0.001
# max_{c != y} z_c - z_y, which is that of the log-probabilities too. Each draw has its own largest
# other class; the public NumPy ports take the first draw's for all of them, which is an error.
MARGIN = losses.Margin(float("inf"))


class _Running(NamedTuple):
    """The images that are still attacked."""

    place: tf.Tensor  # its row in the batch
    x: tf.Tensor
    label: tf.Tensor
    seeds: tf.Tensor
    mu: tf.Tensor
    x_max: tf.Tensor  # of the highest loss; once fooled, what fooled
    loss_max: tf.Tensor


@dataclasses.dataclass(frozen=True)
class NAttack:
    """Ascent of the expected reward of a Gaussian, seen through tanh and the threat's projection.

    An image costs 1 + steps * (population + 1) queries of the victim. The population of one image
    goes through the victim at once, so memory grows neither with the steps nor with the batch.

    Attributes:
      threat: what may be done to the image.
      steps: updates of the mean (the paper's T).
      population: draws of each update (b).
      sigma: the Gaussian's standard deviation, in tanh's argument.
      learning_rate: of the mean (eta).
      judge: whether the victim itself decides who is fooled. An image whose mean fools it is done:
        it is returned and leaves the batch. Where anything else judges it must be False: then each
        image runs every step, and the mean of the highest loss is returned.
    """

    threat: Threat
    steps: int = 200
    population: int = 300
    sigma: float = 0.1
    learning_rate: float = 0.008
    judge: bool = False

    def __post_init__(self):
        refuse_below(1, "NAttack", steps=self.steps)
        # The rewards of a single draw have no deviation.
        refuse_below(2, "NAttack", population=self.population)
        for name, value in (("sigma", self.sigma), ("learning_rate", self.learning_rate)):
            if not 0 < value < math.inf:
                raise InputError(f"NAttack's {name} must be a positive number, got {value}.")

    def __call__(
        self, victim: Victim, x: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor
    ) -> tf.Tensor:
        """The adversarial images."""
        x, label = tf.convert_to_tensor(x), tf.convert_to_tensor(label)

        def step(t, running, found):
            stream = draws.fold(running.seeds, t)
            running = running._replace(mu=running.mu + self._update(victim, running, stream))
            return t + 1, *self._look(victim, running, stream, found)

        stream = draws.fold(seeds, 0)
        mu = draws.per_image(tf.random.stateless_normal, draws.fold(stream, 0), tuple(x.shape[1:]))
        count = tf.shape(x)[0]
        nothing = tf.fill((count,), -float("inf"))
        running = _Running(tf.range(count), x, label, seeds, FIRST_MEAN * mu, x, nothing)
        running, found = self._look(victim, running, stream, x)
        _, running, found = tf.while_loop(
            lambda t, running, _: (t <= self.steps) & (tf.size(running.place) > 0),
            step,
            (tf.constant(1), running, found),
            shape_invariants=(tf.TensorShape([]), any_number(running), found.shape),
            parallel_iterations=1,
        )
        return tf.stop_gradient(_record(found, running))

    def _image(self, z: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """The paper's transformations: g(z) = (tanh(z) + 1) / 2, then the ball's projection."""
        middle = (self.threat.high + self.threat.low) / 2
        half = (self.threat.high - self.threat.low) / 2
        # A pixel at the end of the range lies at infinity, where no draw would move it.
        z_0 = tf.atanh((x - middle) / half * (1 - 1e-6))
        return self.threat.project(middle + half * tf.tanh(z_0 + z), x)

    def _update(self, victim: Victim, running: _Running, stream: tf.Tensor) -> tf.Tensor:
        """Algorithm 1's step of each mean: eta / (b sigma) sum_i A_i epsilon_i."""

        def one(image):
            x, label, mu, seed = (tf.expand_dims(t, 0) for t in image)
            shape = (self.population, *x.shape[1:])
            epsilon = draws.per_image(tf.random.stateless_normal, draws.fold(seed, 0), shape)[0]
            member = tf.range(self.population)
            seeds = draws.fold(tf.repeat(draws.fold(seed, 2), self.population, axis=0), member)
            outputs = victim(self._image(mu + self.sigma * epsilon, x), seeds)
            # J = max(0, log p_y - max_{c != y} log p_c): a draw that fools is as good as any other.
            J = tf.cast(-MARGIN(outputs, tf.repeat(label, self.population)), tf.float32)
            reward = -tf.maximum(J, 0.0)
            A = (reward - tf.reduce_mean(reward)) / (tf.math.reduce_std(reward) + 1e-7)
            return tf.tensordot(A, epsilon, 1)

        ascent = tf.map_fn(
            one,
            (running.x, running.label, running.mu, stream),
            fn_output_signature=tf.TensorSpec(running.x.shape[1:], tf.float32),
            parallel_iterations=1,
        )
        return self.learning_rate / (self.population * self.sigma) * ascent

    def _look(self, victim: Victim, running: _Running, stream: tf.Tensor, found: tf.Tensor):
        """Keeps the means of higher loss, and writes those that are done into `found`."""
        mean = self._image(running.mu, running.x)
        outputs = victim(mean, draws.fold(stream, 1))
        loss = tf.cast(MARGIN(outputs, running.label), tf.float32)
        predicted = tf.argmax(outputs["logits"], axis=-1, output_type=running.label.dtype)
        fooled = predicted != running.label
        better = loss > running.loss_max
        if self.judge:
            better |= fooled
        running = running._replace(
            x_max=choose(better, mean, running.x_max),
            loss_max=tf.where(better, loss, running.loss_max),
        )
        return leave(running, fooled, found, _record) if self.judge else (running, found)


def _record(found: tf.Tensor, running: _Running) -> tf.Tensor:
    return written(found, running.place, running.x_max)
