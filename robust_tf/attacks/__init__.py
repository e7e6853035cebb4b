"""Attacks: values called as `attack(victim, x, label, seeds)` that return adversarial images."""

from robust_tf.attacks.apgd import APGD
from robust_tf.attacks.attack import Attack, hyperparameters
from robust_tf.attacks.carlini_wagner import CarliniWagner
from robust_tf.attacks.curriculum import Curriculum
from robust_tf.attacks.deepfool import DeepFool
from robust_tf.attacks.ensemble import Ensemble, autoattack, stages
from robust_tf.attacks.fab import FAB
from robust_tf.attacks.multi_targeted import MultiTargeted
from robust_tf.attacks.names import compiled, named
from robust_tf.attacks.nattack import NAttack
from robust_tf.attacks.nearest import Unbounded
from robust_tf.attacks.pgd import PGD, fgsm
from robust_tf.attacks.square import Square
from robust_tf.attacks.step_rules import step_size
from robust_tf.attacks.substitute import train_substitute
from robust_tf.attacks.sweep import Sweep
from robust_tf.attacks.transfer import Transfer

__all__ = [
    "APGD",
    "FAB",
    "PGD",
    "Attack",
    "CarliniWagner",
    "Curriculum",
    "DeepFool",
    "Ensemble",
    "MultiTargeted",
    "NAttack",
    "Square",
    "Sweep",
    "Transfer",
    "Unbounded",
    "autoattack",
    "compiled",
    "fgsm",
    "hyperparameters",
    "named",
    "stages",
    "step_size",
    "train_substitute",
]
