"""Projected gradient descent (Madry et al. 2018, https://arxiv.org/abs/1706.06083), and with it
FGSM, BIM, momentum (MI-FGSM), targeted, margin and KL attacks: they are its arguments.

    attack = PGD(Threat("Linf", 8 / 255), steps=20)
    x_adv = attack(victim, x, label, seeds)

It is a value and one graph: a tf.while_loop whose memory does not grow with the steps.
"""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from robust_tf import draws, losses
from robust_tf.attacks.aims import UNTARGETED, Aim
from robust_tf.attacks.choosing import choose
from robust_tf.errors import refuse_below, unknown
from robust_tf.leaving import any_number, leave, only, written
from robust_tf.threat import STARTS, Threat
from robust_tf.victim import Victim

# Gradients of one image's loss can be below float16's smallest number; a power of two changes no
# other bit.
GRADIENT_SCALE = 128.0


class _Images(NamedTuple):
    """What the steps know of each image still at work."""

    place: tf.Tensor  # its row in the batch
    x: tf.Tensor
    label: tf.Tensor
    goal: tf.Tensor
    seeds: tf.Tensor
    x_adv: tf.Tensor
    velocity: tf.Tensor  # the gradient, accumulated under momentum


class _Worst(NamedTuple):
    """What each image keeps of the restarts so far, and what it was chosen by."""

    x_adv: tf.Tensor
    fooled: tf.Tensor
    loss: tf.Tensor


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
      clean_start: share of blocks of images (draws.image_seeds) that start from the images
        themselves all the same.
      momentum: decay of the accumulated gradient (Dong et al. 2018, equation 6); 0 is plain PGD.
      restarts: runs from different draws, of which each image keeps the worst.
      judge: whether the victim itself decides who is fooled. An image that fools it is done: it is
        returned and leaves the batch. Where anything else judges (another network, a defence) it
        must be False: then each image runs every step, and its last iterate is returned.
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
    judge: bool = False

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
            return self._run(victim, x, label, goal, draws.fold(seeds, 1))

        def restart(r, worst):
            place, batch = tf.range(tf.shape(x)[0]), (x, label, goal, seeds)
            if self.judge:
                place, batch = only((place, batch), worst.fooled < 1)
            *problem, drawn = batch
            x_adv = self._run(victim, *problem, draws.fold(drawn, 1 + r))
            now = _Worst(x_adv, *self._rank(victim, x_adv, *problem[1:], drawn))
            before = tf.nest.map_structure(lambda t: tf.gather(t, place), worst)
            return r + 1, written(worst, place, _worse(now, before))

        nothing = tf.fill((tf.shape(x)[0],), -float("inf"))
        _, worst = tf.while_loop(
            lambda r, worst: (r < self.restarts) & ~(self.judge & tf.reduce_all(worst.fooled > 0)),
            restart,
            (0, _Worst(x, nothing, nothing)),
            parallel_iterations=1,
        )
        return worst.x_adv

    def scaled(self, share: tf.Tensor | float) -> "PGD":
        """The same attack in a ball of `share` of the radius, with steps of `share` of the size."""
        threat = dataclasses.replace(self.threat, epsilon=share * self.threat.epsilon)
        return dataclasses.replace(self, threat=threat, step_size=share * self.step_size)

    def goal(self, victim: Victim, x: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        """What a call with these arguments leads away from or, targeted, leads to."""
        return self.aim.choose(victim, x, label, draws.fold(seeds, 0))

    def iterates(
        self, victim: Victim, x: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor, marks: Sequence[int]
    ) -> list[tf.Tensor]:
        """What a call with each of these numbers of steps, ascending, would return.

        They share their steps. Without restarts and without a judge.
        """
        goal = self.goal(victim, x, label, seeds)
        images, found = self._begin(x, label, goal, draws.fold(seeds, 1)), []
        for begin, end in itertools.pairwise([0, *marks]):
            images, _ = self._walk(victim, images, x, begin, end)
            found.append(tf.stop_gradient(images.x_adv))
        return found

    def _run(self, victim: Victim, x, label, goal, seeds) -> tf.Tensor:
        """One run from one start: the last iterate, or the one that fooled the judge."""
        images, found = self._walk(victim, self._begin(x, label, goal, seeds), x, 0, self.steps)
        return tf.stop_gradient(_record(found, images) if self.judge else images.x_adv)

    def _begin(self, x, label, goal, seeds) -> _Images:
        everything = tf.range(tf.shape(x)[0])
        x_0 = self._start(x, seeds)
        return _Images(everything, x, label, goal, seeds, x_0, tf.zeros_like(x))

    def _walk(self, victim: Victim, images: _Images, found, begin: int, end: int):
        """Steps begin to end, and with them what the judge was fooled by."""

        def step(i, images, found):
            outputs, gradient = self._look(victim, images, draws.fold(images.seeds, 2 + i))
            if self.momentum:
                size = tf.reduce_mean(tf.abs(gradient), axis=(1, 2, 3), keepdims=True)
                gradient = self.momentum * images.velocity + gradient / tf.maximum(size, 1e-12)
            images = images._replace(velocity=gradient)
            if self.judge:
                fooled = self._fooled(outputs, images.label, images.goal)
                images, found = leave(images, fooled, found, _record)
            moved = images.x_adv + self.step_size * self.threat.steepest(images.velocity)
            return i + 1, images._replace(x_adv=self.threat.project(moved, images.x)), found

        shapes = (tf.TensorShape([]), any_number(images), found.shape) if self.judge else None
        _, images, found = tf.while_loop(
            lambda i, images, _: (i < end) & (tf.size(images.place) > 0),
            step,
            (begin, images, found),
            shape_invariants=shapes,
            maximum_iterations=end - begin,
            parallel_iterations=1,
        )
        return images, found

    def _start(self, x: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        start = self.threat.start(self.start, x, draws.fold(seeds, 0))
        if not self.clean_start:
            return start
        draw = draws.uniform(draws.shared(draws.fold(seeds, 1)), (1, 1, 1))
        return tf.where(draw < self.clean_start, x, start)

    def _look(self, victim: Victim, images: _Images, seeds: tf.Tensor):
        """The outputs at the iterates, and the gradient that leads to the goal or away from it."""
        # The images alone are watched: the gradient of the weights is not computed.
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images.x_adv)
            outputs = victim(images.x_adv, seeds)
            # A sum and not a mean: no image's gradient depends on the size of its batch.
            total = tf.reduce_sum(self.loss(outputs, images.goal)) * GRADIENT_SCALE
        gradient = tape.gradient(total, images.x_adv)
        return outputs, -gradient if self.aim.targeted else gradient

    def _fooled(self, outputs, label: tf.Tensor, goal: tf.Tensor) -> tf.Tensor:
        predicted = tf.argmax(outputs["logits"], axis=-1, output_type=label.dtype)
        return predicted == goal if self.aim.targeted else predicted != label

    def _rank(self, victim: Victim, x_adv, label, goal, seeds) -> tuple[tf.Tensor, tf.Tensor]:
        """(fooled, loss ascended) of each image, to compare restarts by."""
        outputs = victim(x_adv, seeds)
        loss = tf.cast(self.loss(outputs, goal), tf.float32)
        fooled = tf.cast(self._fooled(outputs, label, goal), tf.float32)
        return fooled, -loss if self.aim.targeted else loss


def _record(found: tf.Tensor, images: _Images) -> tf.Tensor:
    return written(found, images.place, images.x_adv)


def _worse(now: _Worst, before: _Worst) -> _Worst:
    """Fooled beats not fooled; between equals the higher loss."""
    worse = (now.fooled > before.fooled) | (
        (now.fooled == before.fooled) & (now.loss > before.loss)
    )
    x_adv = choose(worse, now.x_adv, before.x_adv)
    return _Worst(
        x_adv, tf.where(worse, now.fooled, before.fooled), tf.where(worse, now.loss, before.loss)
    )


def fgsm(threat: Threat, start: str = "none", **options) -> PGD:
    """The fast gradient sign method: one step of size epsilon, from the image unless told."""
    return PGD(threat, steps=1, step_size=threat.epsilon, start=start, **options)
