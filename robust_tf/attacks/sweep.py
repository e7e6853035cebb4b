"""One run of PGD that is looked at after several numbers of steps.

images = Sweep({"pgd-10": PGD(threat, steps=10), "pgd-100": PGD(threat, steps=100)})(...)
images["pgd-10"], images["pgd-100"]
"""

import dataclasses
import itertools

import tensorflow as tf

from robust_tf import losses
from robust_tf.attacks.choosing import choose
from robust_tf.attacks.pgd import PGD
from robust_tf.errors import InputError
from robust_tf.threat import Threat
from robust_tf.victim import Victim, right


@dataclasses.dataclass(frozen=True)
class Sweep:
    """The same attack with several numbers of steps; those of one step size share their steps.

    Attributes:
      attacks: by name, in ascending order of their steps. None of them judges: an image runs every
        step, as it would in each of them alone.
      outputs: which of the victim's outputs the loss is of: of several, each image keeps what the
        first gave where that fools the victim.
    """

    attacks: dict[str, PGD]
    outputs: tuple[str, ...] = ("logits",)

    def __post_init__(self):
        for name, attack in self.attacks.items():
            if attack.judge or attack.restarts > 1:
                raise InputError(f"{name} cannot be part of a sweep with restarts or a judge.")

    @property
    def threat(self) -> Threat:
        """That of all of them."""
        return next(iter(self.attacks.values())).threat

    def __call__(
        self, victim: Victim, x: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Each attack's images, by its name."""
        first, *others = (self._on(output, victim, x, label, seeds) for output in self.outputs)
        for other in others:
            for name, x_adv in first.items():
                stands = right(victim(x_adv, seeds), label)
                first[name] = choose(stands, other[name], x_adv)
        return first

    def _on(self, output: str, victim: Victim, x, label, seeds) -> dict[str, tf.Tensor]:
        found = {}
        for _, group in itertools.groupby(self.attacks, lambda name: self.attacks[name].step_size):
            names = list(group)
            marks = [self.attacks[name].steps for name in names]
            attack = self.attacks[names[-1]]
            if output != "logits":
                loss = losses.OfOutput(output, attack.loss)
                attack = dataclasses.replace(attack, loss=loss)
            iterates = attack.iterates(victim, x, label, seeds, marks)
            found |= dict(zip(names, iterates, strict=True))
        return found
