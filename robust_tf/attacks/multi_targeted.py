"""Multi-targeted PGD (Gowal et al. 2019, https://arxiv.org/abs/1910.09338): one run towards each of
the likeliest wrong classes.

    attack = MultiTargeted(PGD(Threat("Linf", 8 / 255), loss=losses.targeted_margin, steps=20))
    x_adv = attack(victim, x, label, seeds)

Where the runner-up cannot be reached within the ball, an untargeted margin may never see the class
that can.
"""

import dataclasses
from typing import NamedTuple

import tensorflow as tf

from robust_tf import draws, losses
from robust_tf.attacks.aims import UNTARGETED, Aim, likeliest_wrong
from robust_tf.attacks.choosing import choose
from robust_tf.attacks.pgd import PGD
from robust_tf.errors import InputError, refuse_below
from robust_tf.leaving import only, written
from robust_tf.threat import Threat
from robust_tf.victim import Victim

# By which runs towards different classes are compared: above 0, the image is fooled.
MARGIN = losses.Margin(float("inf"))


class _Worst(NamedTuple):
    """What each image keeps of the runs so far, and what it was chosen by."""

    x_adv: tf.Tensor
    margin: tf.Tensor


@dataclasses.dataclass(frozen=True)
class MultiTargeted:
    """A PGD for each target; every image keeps what leads furthest over its label's boundary.

    Attributes:
      pgd: the runs, on losses.targeted_margin. With its judge, an image that is fooled is done.
      targets: classes led to: the wrong ones of highest clean logit, or all if there are fewer.
    """

    pgd: PGD
    targets: int = 9

    def __post_init__(self):
        refuse_below(1, "MultiTargeted", targets=self.targets)
        loss = self.pgd.loss
        inner = loss.loss if isinstance(loss, losses.OfOutput) else loss
        if inner is not losses.targeted_margin:
            name = getattr(loss, "__name__", loss)
            raise InputError(f"MultiTargeted's pgd must be on targeted_margin, got {name}.")
        aim = self.pgd.aim
        if aim is not UNTARGETED:
            raise InputError(f"MultiTargeted's pgd must be untargeted, got the aim {aim.name}.")

    @property
    def threat(self) -> Threat:
        """What may be done to the image."""
        return self.pgd.threat

    @property
    def judge(self) -> bool:
        """Whether the victim itself decides who is fooled."""
        return self.pgd.judge

    def __call__(
        self, victim: Victim, x: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor
    ) -> tf.Tensor:
        """The adversarial images, without gradient to anything that made them."""
        x = tf.stop_gradient(x)
        targets = likeliest_wrong(victim, x, label, draws.fold(seeds, 0), self.targets)
        runs = targets.shape[1]

        def run(r, worst):
            place = tf.range(tf.shape(x)[0])
            batch = (x, label, tf.gather(targets, r, axis=1), draws.fold(seeds, 1 + r))
            if self.judge:
                place, batch = only((place, batch), worst.margin <= 0)
            now = self._run(victim, *batch)
            before = tf.nest.map_structure(lambda t: tf.gather(t, place), worst)
            return r + 1, written(worst, place, _worse(now, before))

        nothing = tf.fill((tf.shape(x)[0],), -float("inf"))
        _, worst = tf.while_loop(
            lambda r, worst: (r < runs) & ~(self.judge & tf.reduce_all(worst.margin > 0)),
            run,
            (0, _Worst(x, nothing)),
            parallel_iterations=1,
        )
        return worst.x_adv

    def _run(self, victim: Victim, x, label, target, seeds) -> _Worst:
        """One PGD towards one class for each image."""
        goal = tf.stack([label, target], axis=-1)
        # Not targeted: its loss is ascended, and any wrong class is a success.
        aim = Aim("one class", lambda *_: goal, targeted=False)
        x_adv = dataclasses.replace(self.pgd, aim=aim)(victim, x, label, draws.fold(seeds, 0))
        outputs = victim(x_adv, draws.fold(seeds, 1))
        return _Worst(x_adv, tf.cast(MARGIN(outputs, label), tf.float32))


def _worse(now: _Worst, before: _Worst) -> _Worst:
    worse = now.margin > before.margin
    x_adv = choose(worse, now.x_adv, before.x_adv)
    return _Worst(x_adv, tf.where(worse, now.margin, before.margin))
