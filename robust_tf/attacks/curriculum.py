"""An attack that grows: with epsilon 0.3 on MNIST, training against the whole ball never begins.

attack = Curriculum(PGD(threat), updates=optimizer.iterations, length=1000)
"""

import dataclasses

import keras
import tensorflow as tf

from robust_tf.attacks.pgd import PGD
from robust_tf.victim import Victim


@dataclasses.dataclass(frozen=True)
class Curriculum:
    """Radius and step size grow linearly from 0 to the attack's own.

    Attributes:
      attack: what it grows to.
      updates: the optimizer's count of updates.
      length: updates until it is grown.
    """

    attack: PGD
    updates: keras.Variable
    length: int

    def __call__(
        self, victim: Victim, x: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor
    ) -> tf.Tensor:
        """The adversarial images of this update's attack."""
        share = tf.minimum(1.0, tf.cast(self.updates.value, tf.float32) / self.length)
        return self.attack.scaled(share)(victim, x, label, seeds)
