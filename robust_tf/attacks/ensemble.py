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
from robust_tf.attacks.square import Square
from robust_tf.errors import unknown
from robust_tf.leaving import only, written
from robust_tf.threat import Threat
from robust_tf.victim import Victim, right


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
            standing = right(victim(found, seeds), label)
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


def stages(name: str, attack: Attack) -> dict[str, Attack]:
    """The attacks that an attack is made of, by names that begin with its own."""
    parts = getattr(attack, "stages", None)
    return {f"{name}/{part}": one for part, one in parts.items()} if parts else {name: attack}


def autoattack(threat: Threat, version: str = "standard", judge: bool = False) -> Ensemble:
    """AutoAttack, in the versions of its authors: no parameter is left to choose.

    Args:
      threat: what may be done to an image.
      version: standard; plus, with more restarts and untargeted FAB; or rand, for victims that
        draw random numbers: its steps average 20 draws, and no image leaves, since who is fooled
        by one draw may not be by the next.
      judge: the victim itself decides who is fooled, so that fooled images leave a batch.
    """
    plus, judges = version == "plus", {"judge": judge}
    apgd_ce = APGD(threat, restarts=5 if plus else 1, **judges)
    if version == "rand":
        apgd_ce = APGD(threat, eot=20)
    apgd_dlr = dataclasses.replace(apgd_ce, loss=losses.dlr)
    apgd_t = APGD(threat, loss=losses.targeted_dlr, targets=9, **judges)
    fab_t, square = FAB(threat, **judges), Square(threat, **judges)
    stages = {
        "standard": {"apgd-ce": apgd_ce, "apgd-t": apgd_t, "fab-t": fab_t, "square": square},
        "plus": {
            "apgd-ce": apgd_ce,
            "apgd-dlr": apgd_dlr,
            "fab": FAB(threat, targets=0, restarts=5, **judges),
            "square": square,
            "apgd-t": apgd_t,
            "fab-t": fab_t,
        },
        "rand": {"apgd-ce": apgd_ce, "apgd-dlr": apgd_dlr},
    }
    if version not in stages:
        raise unknown("autoattack's version", version, stages)
    return Ensemble(threat, stages[version])
