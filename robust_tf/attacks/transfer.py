"""Transfer: what was made against one network is judged by another.

attack = Transfer(PGD(Threat("Linf", 8 / 255), steps=20), source=network_victim(twin))
x_adv = attack(victim, x, label, seeds)
"""

import dataclasses

import tensorflow as tf

from robust_tf.attacks.aims import UNTARGETED, Aim
from robust_tf.attacks.attack import Attack
from robust_tf.errors import InputError
from robust_tf.threat import Threat
from robust_tf.victim import Victim


@dataclasses.dataclass(frozen=True)
class Transfer:
    """An attack on a source that is at hand, in place of the victim that judges.

    Attributes:
      attack: without judge, and no ensemble: an image that fools the source may not fool the
        victim, so that none may leave before the last step.
      source: what is attacked.
    """

    attack: Attack
    source: Victim

    def __post_init__(self):
        if getattr(self.attack, "judge", False) or hasattr(self.attack, "stages"):
            raise InputError(
                f"Transfer needs an attack that runs every step on every image (judge=False, no "
                f"ensemble), got {self.attack}."
            )

    @property
    def threat(self) -> Threat:
        """What may be done to the image."""
        return self.attack.threat

    @property
    def aim(self) -> Aim:
        """What the attack wants."""
        return getattr(self.attack, "aim", UNTARGETED)

    def goal(self, victim: Victim, x: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        """The class that is led to, which the source chooses."""
        del victim
        return self.attack.goal(self.source, x, label, seeds)

    def __call__(
        self, victim: Victim, x: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor
    ) -> tf.Tensor:
        """The adversarial images of the source; the victim is not asked."""
        del victim
        return self.attack(self.source, x, label, seeds)
