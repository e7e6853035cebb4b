"""The nearest of what several attacks found, each of which looks for the nearest image."""

import dataclasses
from typing import ClassVar

import tensorflow as tf

from robust_tf.attacks.carlini_wagner import CarliniWagner
from robust_tf.attacks.choosing import choose
from robust_tf.attacks.deepfool import DeepFool
from robust_tf.threat import Threat
from robust_tf.victim import Victim


@dataclasses.dataclass(frozen=True)
class NearestOf:
    """Attacks of one norm, as the same attack on several outputs.

    Attributes:
      unbounded: what it returns is at whatever distance it was found.
      attacks: of which each image keeps the nearest adversarial one.
    """

    unbounded: ClassVar[bool] = True

    attacks: tuple[DeepFool | CarliniWagner, ...]

    @property
    def threat(self) -> Threat:
        """Its norm is what is minimised."""
        return self.attacks[0].threat

    def __call__(
        self, victim: Victim, x: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor
    ) -> tf.Tensor:
        """The nearest adversarial images, the image itself where there is none."""
        nearest, *others = (attack.nearest(victim, x, label, seeds) for attack in self.attacks)
        x_adv, distance = nearest
        for other in others:
            x_adv = choose(other.distance < distance, other.x_adv, x_adv)
            distance = tf.minimum(distance, other.distance)
        return x_adv
