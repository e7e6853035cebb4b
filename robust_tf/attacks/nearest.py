"""What attacks that look for the nearest adversarial image have in common.

x_adv, distance = attack.nearest(victim, x, label, seeds)
"""

import abc
import dataclasses
from typing import NamedTuple

import tensorflow as tf

from robust_tf.attacks.choosing import choose
from robust_tf.threat import Threat
from robust_tf.victim import Victim


class Nearest(NamedTuple):
    """The nearest adversarial images so far: the image itself at infinity where there is none."""

    x_adv: tf.Tensor
    distance: tf.Tensor

    @classmethod
    def clean(cls, x: tf.Tensor, fooled: tf.Tensor) -> "Nearest":
        """Before any search: the images, at 0 where they fool by themselves."""
        infinity = tf.constant(float("inf"), x.dtype)
        return cls(x, tf.where(fooled, tf.zeros_like(infinity), infinity))

    def or_nearer(
        self, threat: Threat, x: tf.Tensor, x_adv: tf.Tensor, fooled: tf.Tensor
    ) -> "Nearest":
        """With x_adv where it fools and is nearer to x."""
        distance = threat.distance(x_adv, x)
        return self.or_other(Nearest(x_adv, tf.where(fooled, distance, float("inf"))))

    def or_other(self, other: "Nearest") -> "Nearest":
        """With what is nearer in another search."""
        nearer = other.distance < self.distance
        x_adv = choose(nearer, other.x_adv, self.x_adv)
        return Nearest(x_adv, tf.where(nearer, other.distance, self.distance))


class Unbounded(abc.ABC):
    """An attack that returns what it found at whatever distance."""

    def __call__(
        self, victim: Victim, x: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor
    ) -> tf.Tensor:
        """The nearest adversarial images at whatever distance, the image where there is none."""
        return self.nearest(victim, x, label, seeds).x_adv

    @abc.abstractmethod
    def nearest(self, victim: Victim, x: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor) -> Nearest:
        """The nearest adversarial images and their distances.

        The distance is 0 where the image itself is misclassified, infinite where none was found.
        """


@dataclasses.dataclass(frozen=True)
class NearestOf(Unbounded):
    """The nearest of what several attacks of one norm find, as the same one on several outputs.

    Attributes:
      attacks: of which each image keeps the nearest adversarial one.
    """

    attacks: tuple[Unbounded, ...]

    @property
    def threat(self) -> Threat:
        """Its norm is what is minimised."""
        return self.attacks[0].threat

    def nearest(self, victim: Victim, x: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor) -> Nearest:
        """As Unbounded has it."""
        nearest, *others = (attack.nearest(victim, x, label, seeds) for attack in self.attacks)
        for other in others:
            nearest = nearest.or_other(other)
        return nearest
