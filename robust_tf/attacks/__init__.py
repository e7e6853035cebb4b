"""Attacks: values called as `attack(victim, x, label, seeds)` that return adversarial images."""

from robust_tf.attacks.apgd import APGD
from robust_tf.attacks.attack import Attack, hyperparameters
from robust_tf.attacks.curriculum import Curriculum
from robust_tf.attacks.ensemble import Ensemble, autoattack, stages
from robust_tf.attacks.fab import FAB
from robust_tf.attacks.names import compiled, named
from robust_tf.attacks.pgd import PGD, fgsm
from robust_tf.attacks.square import Square

__all__ = [
    "APGD",
    "FAB",
    "PGD",
    "Attack",
    "Curriculum",
    "Ensemble",
    "Square",
    "autoattack",
    "compiled",
    "fgsm",
    "hyperparameters",
    "named",
    "stages",
]
