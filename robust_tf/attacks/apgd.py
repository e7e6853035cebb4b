"""Auto-PGD (Croce and Hein 2020, https://arxiv.org/abs/2003.01690): PGD that sets its own steps.

    apgd_ce = APGD(Threat("Linf", 8 / 255))
    apgd_t = APGD(Threat("Linf", 8 / 255), loss=losses.targeted_dlr, targets=9, judge=True)
    x_adv = apgd_t(victim, x, label, seeds)

It is a value and one graph, as PGD is. Comments name the lines of the paper's Algorithm 1.
"""

import dataclasses
from typing import NamedTuple

import tensorflow as tf

from robust_tf import draws, losses
from robust_tf.attacks.aims import likeliest_wrong
from robust_tf.attacks.choosing import choose
from robust_tf.attacks.pgd import GRADIENT_SCALE
from robust_tf.errors import InputError, refuse_below
from robust_tf.leaving import any_number, leave, only, written
from robust_tf.threat import Threat
from robust_tf.victim import Victim


def checkpoints(steps: int) -> list[int]:
    """The steps w_j = ceil(p_j steps) after which step sizes are judged (section 3.1)."""
    # In hundredths, so that the ceiling is exact: p_1 = 0.22, and each period is 0.03 shorter than
    # the one before, down to 0.06.
    p, period = 22, 22
    found = set()
    while p <= 100:
        found.add(-(-p * steps // 100))
        period = max(period - 3, 6)
        p += period
    return sorted(found)


def _periods(steps: int) -> list[int]:
    """For each step: how many lie between its checkpoint and the one before, or 0 without one."""
    ends = checkpoints(steps)
    periods = {end: end - before for before, end in zip([0, *ends], ends, strict=False)}
    return [periods.get(k + 1, 0) for k in range(steps)]


class _Found(NamedTuple):
    """What is returned of each image of the batch so far, its loss, and whether it is done."""

    x: tf.Tensor
    f: tf.Tensor
    fooled: tf.Tensor


class _Images(NamedTuple):
    """What the steps know of each image still at work, in the paper's symbols."""

    place: tf.Tensor  # its row in _Found
    x: tf.Tensor
    label: tf.Tensor
    goal: tf.Tensor
    seeds: tf.Tensor
    x_k: tf.Tensor
    x_before: tf.Tensor  # x_{k-1}
    f: tf.Tensor  # at x_k, as the gradient is
    gradient: tf.Tensor
    x_max: tf.Tensor  # of the highest loss; once fooled, what fooled
    f_max: tf.Tensor
    gradient_max: tf.Tensor
    fooled: tf.Tensor
    eta: tf.Tensor
    rises: tf.Tensor  # steps since the last checkpoint that raised f
    halved: tf.Tensor  # at the last checkpoint
    f_checked: tf.Tensor  # f_max at the last checkpoint


def _merge(found: _Found, images: _Images) -> _Found:
    """What was found before, or what these images have where that is worse."""
    before = tf.nest.map_structure(lambda t: tf.gather(t, images.place), found)
    worse = images.fooled | (images.f_max > before.f)
    now = _Found(
        choose(worse, images.x_max, before.x),
        choose(worse, images.f_max, before.f),
        images.fooled,
    )
    return written(found, images.place, now)


@dataclasses.dataclass(frozen=True)
class APGD:
    """Ascent with momentum whose step halves, image by image, where the loss no longer grows.

    Attributes:
      threat: what may be done to the image.
      loss: what is ascended: of a label or, with targets, of a label and its target.
      targets: 0, or how many of the wrong classes are aimed at, one run after the other, in the
        order of their logits on the clean image (all of them, where there are fewer).
      steps: gradient steps of each run.
      restarts: runs from different draws (of each target), of which each image keeps the worst.
      rho: share of the steps between two checkpoints that must raise the loss.
      alpha: weight of the new step against the momentum of the last one.
      eot: draws of a random victim whose gradients, losses and logits each step averages.
      judge: whether the victim itself decides who is fooled. An image that fools it is done: it is
        returned and leaves the batch. Where anything else judges (another network, a defence), it
        must be False: then each image runs every step and its highest loss is returned.
    """

    threat: Threat
    loss: losses.Loss = losses.cross_entropy
    targets: int = 0
    steps: int = 100
    restarts: int = 1
    rho: float = 0.75
    alpha: float = 0.75
    eot: int = 1
    judge: bool = False

    def __post_init__(self):
        refuse_below(1, "APGD", steps=self.steps, restarts=self.restarts, eot=self.eot)
        refuse_below(0, "APGD", targets=self.targets)
        loss = self.loss.loss if isinstance(self.loss, losses.OfOutput) else self.loss
        if (loss is losses.targeted_dlr) != (self.targets > 0):
            raise InputError(
                f"APGD needs targets with the targeted DLR loss and only there, got {self.targets}."
            )

    def __call__(
        self, victim: Victim, x: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor
    ) -> tf.Tensor:
        """The adversarial images, without gradient to anything that made them."""
        x = tf.stop_gradient(x)
        goals = self._goals(victim, x, label, draws.fold(seeds, 0))
        runs = goals.shape[1] * self.restarts
        everything = tf.range(tf.shape(x)[0])

        def run(r, found):
            goal = tf.gather(goals, r // self.restarts, axis=1)
            batch = (everything, x, label, goal, draws.fold(seeds, 1 + r))
            if self.judge:
                batch = only(batch, ~found.fooled)
            return r + 1, self._run(victim, batch, found)

        none = tf.zeros(tf.shape(x)[:1])
        nothing = _Found(x, none - float("inf"), none > 0)
        _, found = tf.while_loop(
            lambda r, found: (r < runs) & ~tf.reduce_all(found.fooled),
            run,
            (0, nothing),
            shape_invariants=(tf.TensorShape([]), any_number(nothing)),
            parallel_iterations=1,
        )
        return tf.ensure_shape(tf.stop_gradient(found.x), x.shape)

    def _goals(self, victim: Victim, x, label, seeds) -> tf.Tensor:
        """What the loss of each run is given, shape (batch, runs) or (batch, runs, 2)."""
        if not self.targets:
            return label[:, None]
        target = likeliest_wrong(victim, x, label, seeds, self.targets)
        return tf.stack([tf.broadcast_to(label[:, None], tf.shape(target)), target], axis=-1)

    def _run(self, victim: Victim, batch: tuple[tf.Tensor, ...], found: _Found) -> _Found:
        """One run from one start on these images, merged into what was found before."""
        periods = tf.constant(_periods(self.steps))

        def step(k, images, found):
            images = self._step(victim, k, images)
            period = periods[k]
            images = tf.cond(period > 0, lambda: self._checkpoint(images, period), lambda: images)
            if self.judge:
                images, found = leave(images, images.fooled, found, _merge)
            return k + 1, images, found

        state = (0, self._begin(victim, *batch), found)
        _, images, found = tf.while_loop(
            lambda k, images, _: (k < self.steps) & (tf.size(images.place) > 0),
            step,
            state,
            shape_invariants=(tf.TensorShape([]), *any_number(state[1:])),
            maximum_iterations=self.steps,
            parallel_iterations=1,
        )
        return _merge(found, images)

    def _begin(self, victim: Victim, place, x, label, goal, seeds) -> _Images:
        x_0 = self.threat.start("edge", x, draws.fold(seeds, 0))
        f, gradient, fooled = self._look(victim, x_0, label, goal, draws.fold(seeds, 1))
        # Line 3: eta = 2 epsilon. Condition 2 never holds at the first checkpoint.
        return _Images(
            *(place, x, label, goal, seeds),
            *(x_0, x_0, f, gradient),
            *(x_0, f, gradient, fooled),
            eta=tf.ones_like(x[:, :1, :1, :1]) * 2 * self.threat.epsilon,
            rises=tf.zeros_like(place),
            halved=tf.ones_like(fooled),
            f_checked=f,
        )

    def _step(self, victim: Victim, k: tf.Tensor, images: _Images) -> _Images:
        """Lines 7 to 13: the next iterate, and the maximum with it."""
        P, x_k = self.threat.project, images.x_k
        alpha = tf.where(k == 0, 1.0, self.alpha)
        z = P(x_k + images.eta * self.threat.steepest(images.gradient), images.x)
        x_next = P(x_k + alpha * (z - x_k) + (1 - alpha) * (x_k - images.x_before), images.x)
        seeds = draws.fold(images.seeds, 2 + k)
        f, gradient, fooled = self._look(victim, x_next, images.label, images.goal, seeds)
        worse = ~images.fooled & (fooled | (f > images.f_max))
        return images._replace(
            x_k=x_next,
            x_before=x_k,
            f=f,
            gradient=gradient,
            x_max=choose(worse, x_next, images.x_max),
            f_max=choose(worse, f, images.f_max),
            gradient_max=choose(worse, gradient, images.gradient_max),
            fooled=images.fooled | fooled,
            rises=images.rises + tf.cast(f > images.f, tf.int32),
        )

    def _checkpoint(self, images: _Images, period: tf.Tensor) -> _Images:
        """Lines 14 to 18: where a condition holds, half the step and on from the maximum."""
        # The public code counts its first step against a loss of 0, not against that of the start;
        # like it, and unlike the paper, exactly rho of the steps are too few.
        condition_1 = tf.cast(images.rises, tf.float32) <= self.rho * tf.cast(period, tf.float32)
        condition_2 = ~images.halved & (images.f_max <= images.f_checked)
        halve = condition_1 | condition_2
        return images._replace(
            # x_before stays: the momentum then leads from it to the maximum.
            x_k=choose(halve, images.x_max, images.x_k),
            f=choose(halve, images.f_max, images.f),
            gradient=choose(halve, images.gradient_max, images.gradient),
            eta=choose(halve, images.eta / 2, images.eta),
            rises=tf.zeros_like(images.rises),
            halved=halve,
            f_checked=images.f_max,
        )

    def _look(self, victim: Victim, x, label, goal, seeds) -> tuple[tf.Tensor, ...]:
        """The loss at x, its gradient and who is fooled there (nobody, unless this one judges)."""
        f, gradient, z = self._draw(victim, x, goal, draws.fold(seeds, 0))
        if self.eot > 1:

            def add(e, *total):
                drawn = self._draw(victim, x, goal, draws.fold(seeds, e))
                return e + 1, *(a + b for a, b in zip(total, drawn, strict=True))

            _, *total = tf.while_loop(
                lambda e, *_: e < self.eot, add, (1, f, gradient, z), parallel_iterations=1
            )
            f, gradient, z = (t / self.eot for t in total)
        if not self.judge:
            return f, gradient, tf.zeros_like(f, tf.bool)
        return f, gradient, tf.argmax(z, axis=-1, output_type=label.dtype) != label

    def _draw(self, victim: Victim, x, goal, seeds) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Loss, its gradient and logits at x, of one draw of the victim."""
        # The images alone are watched: the gradient of the weights is not computed.
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            outputs = victim(x, seeds)
            f = self.loss(outputs, goal)
            total = tf.reduce_sum(f) * GRADIENT_SCALE
        z = tf.cast(outputs["logits"], tf.float32)
        return tf.cast(f, tf.float32), tape.gradient(total, x), z
