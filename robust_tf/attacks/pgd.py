"""Projected gradient descent (Madry et al. 2018, https://arxiv.org/abs/1706.06083), and with it
FGSM, BIM, momentum (MI-FGSM), targeted, margin and KL attacks: they are its arguments.

    attack = PGD(Threat("Linf", 8 / 255), steps=20)
    x_adv = attack(victim, x, label, seeds)

It is a value and one graph: a tf.while_loop whose memory does not grow with the steps.
"""

import dataclasses

import tensorflow as tf

from robust_tf import draws, losses
from robust_tf.attacks.aims import UNTARGETED, Aim
from robust_tf.errors import refuse_below, unknown
from robust_tf.threat import STARTS, Threat
from robust_tf.victim import Victim

# Gradients of one image's loss can be below float16's smallest number; a power of two changes no
# other bit.
GRADIENT_SCALE = 128.0


@dataclasses.dataclass(frozen=True)
class PGD:
    """Steepest ascent of a loss within a threat model, from the last iterate of each restart.

    Attributes:
      threat: what may be done to the image.
      loss: what is ascended (descended, where the aim is targeted).
      aim: chooses the goal that the loss is given.
      steps: gradient steps; 0 leaves the image as it is.
      step_size: None is epsilon / 4.
      start: from the image (none), a uniform draw of the ball, or a small gaussian step from it.
      clean_start: share of images that start from the image itself all the same.
      momentum: decay of the accumulated gradient (Dong et al. 2018, equation 6); 0 is plain PGD.
      restarts: runs from different draws, of which each image keeps the worst.
    """

    threat: Threat
    loss: losses.Loss = losses.cross_entropy
    aim: Aim = UNTARGETED
    steps: int = 10
    step_size: float | None = None
    start: str = "uniform"
    clean_start: float = 0.0
    momentum: float = 0.0
    restarts: int = 1

    def __post_init__(self):
        refuse_below(0, "PGD", steps=self.steps)
        refuse_below(1, "PGD", restarts=self.restarts)
        if self.start not in STARTS:
            raise unknown("--attack_start", self.start, STARTS)
        if self.step_size is None:
            object.__setattr__(self, "step_size", self.threat.epsilon / 4)

    def __call__(
        self, victim: Victim, x: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor
    ) -> tf.Tensor:
        """The adversarial images, without gradient to anything that made them."""
        if self.steps == 0:
            return x
        goal = self.goal(victim, x, label, seeds)
        if self.restarts == 1:
            return self._run(victim, x, goal, draws.fold(seeds, 1))

        def restart(r, worst, worst_rank):
            x_adv = self._run(victim, x, goal, draws.fold(seeds, 1 + r))
            rank = self._rank(victim, x_adv, label, goal, seeds)
            # Fooled beats not fooled; between equals the higher loss.
            worse = (rank[0] > worst_rank[0]) | (
                (rank[0] == worst_rank[0]) & (rank[1] > worst_rank[1])
            )
            pick = tf.reshape(worse, (-1, 1, 1, 1))
            return r + 1, tf.where(pick, x_adv, worst), tf.where(worse, rank, worst_rank)

        nothing = tf.fill((2, tf.shape(x)[0]), -float("inf"))
        _, worst, _ = tf.while_loop(
            lambda r, *_: r < self.restarts, restart, (0, x, nothing), parallel_iterations=1
        )
        return worst

    def scaled(self, share: tf.Tensor | float) -> "PGD":
        """The same attack in a ball of `share` of the radius, with steps of `share` of the size."""
        threat = dataclasses.replace(self.threat, epsilon=share * self.threat.epsilon)
        return dataclasses.replace(self, threat=threat, step_size=share * self.step_size)

    def goal(self, victim: Victim, x: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        """What a call with these arguments leads away from or, targeted, leads to."""
        return self.aim.choose(victim, x, label, draws.fold(seeds, 0))

    def _run(self, victim: Victim, x: tf.Tensor, goal: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        """One run from one start: the last iterate."""

        def step(i, x_adv, velocity):
            gradient = self._gradient(victim, x_adv, goal, draws.fold(seeds, 2 + i))
            if self.momentum:
                size = tf.reduce_mean(tf.abs(gradient), axis=(1, 2, 3), keepdims=True)
                gradient = self.momentum * velocity + gradient / tf.maximum(size, 1e-12)
            moved = x_adv + self.step_size * self.threat.steepest(gradient)
            return i + 1, self.threat.project(moved, x), gradient

        _, x_adv, _ = tf.while_loop(
            lambda i, *_: i < self.steps,
            step,
            (0, self._start(x, seeds), tf.zeros_like(x)),
            maximum_iterations=self.steps,
            parallel_iterations=1,
        )
        return tf.stop_gradient(x_adv)

    def _start(self, x: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        start = self.threat.start(self.start, x, draws.fold(seeds, 0))
        if not self.clean_start:
            return start
        draw = draws.per_image(tf.random.stateless_uniform, draws.fold(seeds, 1), (1, 1, 1))
        return tf.where(draw < self.clean_start, x, start)

    def _gradient(self, victim: Victim, x_adv: tf.Tensor, goal: tf.Tensor, seeds: tf.Tensor):
        # The images alone are watched: the gradient of the weights is not computed.
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x_adv)
            # A sum and not a mean: no image's gradient depends on the size of its batch.
            total = tf.reduce_sum(self.loss(victim(x_adv, seeds), goal)) * GRADIENT_SCALE
        gradient = tape.gradient(total, x_adv)
        return -gradient if self.aim.targeted else gradient

    def _rank(self, victim: Victim, x_adv, label, goal, seeds) -> tf.Tensor:
        """(fooled, loss ascended) of each image, to compare restarts by."""
        outputs = victim(x_adv, seeds)
        predicted = tf.argmax(outputs["logits"], axis=-1, output_type=label.dtype)
        loss = tf.cast(self.loss(outputs, goal), tf.float32)
        if self.aim.targeted:
            return tf.stack([tf.cast(predicted == goal, tf.float32), -loss])
        return tf.stack([tf.cast(predicted != label, tf.float32), loss])


def fgsm(threat: Threat, **options) -> PGD:
    """The fast gradient sign method: one step of size epsilon, without random start."""
    return PGD(threat, steps=1, step_size=threat.epsilon, start="none", **options)
