"""One run of PGD that is looked at after several numbers of steps.

images = Sweep({"pgd-10": PGD(threat, steps=10), "pgd-100": PGD(threat, steps=100)})(...)
images["pgd-10"], images["pgd-100"]
"""

import dataclasses
import itertools

import tensorflow as tf

from robust_tf.attacks.pgd import PGD
from robust_tf.errors import InputError
from robust_tf.threat import Threat
from robust_tf.victim import Victim


@dataclasses.dataclass(frozen=True)
class Sweep:
    """The same attack with several numbers of steps; those of one step size share their steps.

    Attributes:
      attacks: by name, in ascending order of their steps. None of them judges: an image runs every
        step, as it would in each of them alone.
    """

    attacks: dict[str, PGD]

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
        found = {}
        for _, group in itertools.groupby(self.attacks, lambda name: self.attacks[name].step_size):
            names = list(group)
            marks = [self.attacks[name].steps for name in names]
            iterates = self.attacks[names[-1]].iterates(victim, x, label, seeds, marks)
            found |= dict(zip(names, iterates, strict=True))
        return found
