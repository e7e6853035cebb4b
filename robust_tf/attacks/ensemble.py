"""Ensembles of attacks, AutoAttack (Croce and Hein 2020, https://arxiv.org/abs/2003.01690) first.

attack = autoattack(Threat("Linf", 8 / 255), judge=True)
x_adv = attack(victim, x, label, seeds)
"""

import dataclasses

import tensorflow as tf

from robust_tf import losses
from robust_tf.attacks.apgd import APGD
from robust_tf.attacks.attack import Attack
from robust_tf.attacks.fab import FAB
from robust_tf.attacks.leaving import only, written
from robust_tf.attacks.square import Square
from robust_tf.threat import Threat
from robust_tf.victim import Victim


@dataclasses.dataclass(frozen=True)
class Ensemble:
    """One attack after the other, each from the original image and on those still standing.

    Attributes:
      threat: that of every stage.
      stages: attacks by name, in their order.
    """

    threat: Threat
    stages: dict[str, Attack]

    def __call__(
        self, victim: Victim, x: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor
    ) -> tf.Tensor:
        """What fooled the victim; of an image that stood, what the last stage made of it."""
        found = x
        for attack in self.stages.values():
            standing = self._right(victim, found, label, seeds)
            found = tf.cond(
                tf.reduce_any(standing),
                lambda attack=attack, standing=standing, found=found: written(
                    found,
                    tf.where(standing)[:, 0],
                    attack(victim, *only((x, label, seeds), standing)),
                ),
                lambda found=found: found,
            )
        return found

    def _right(self, victim: Victim, x: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor):
        z = victim(x, seeds)["logits"]
        return tf.argmax(z, axis=-1, output_type=label.dtype) == label


def stages(name: str, attack: Attack) -> dict[str, Attack]:
    """The attacks that an attack is made of, by names that begin with its own."""
    parts = getattr(attack, "stages", None)
    return {f"{name}/{part}": one for part, one in parts.items()} if parts else {name: attack}


def autoattack(threat: Threat, version: str = "standard", judge: bool = False) -> Ensemble:
    """AutoAttack: no parameter is left to choose.

    Args:
      threat: what may be done to an image.
      version: standard or, for victims that draw random numbers, rand: each step of it averages
        20 draws.
      judge: the victim itself decides who is fooled, so that fooled images leave a batch.
    """
    apgd_ce = APGD(threat, judge=judge)
    if version == "rand":
        # Who is fooled by one draw may not be by the next: nobody leaves.
        apgd_ce = APGD(threat, eot=20)
        return Ensemble(
            threat, {"apgd-ce": apgd_ce, "apgd-dlr": dataclasses.replace(apgd_ce, loss=losses.dlr)}
        )
    return Ensemble(
        threat,
        {
            "apgd-ce": apgd_ce,
            "apgd-t": APGD(threat, loss=losses.targeted_dlr, targets=9, judge=judge),
            "fab-t": FAB(threat, judge=judge),
            "square": Square(threat, judge=judge),
        },
    )
