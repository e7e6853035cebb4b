"""Attacks: values called as `attack(victim, x, label, seeds)` that return adversarial images."""

from robust_tf.attacks.curriculum import Curriculum
from robust_tf.attacks.names import compiled, hyperparameters, named
from robust_tf.attacks.pgd import PGD, fgsm

__all__ = ["PGD", "Curriculum", "compiled", "fgsm", "hyperparameters", "named"]
