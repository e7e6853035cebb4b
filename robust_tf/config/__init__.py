"""Flags, handed on as the frozen dataclasses of plans.py: plan = config.train()."""

from robust_tf.config.competing import compete, perturb, predict, protocol
from robust_tf.config.evaluating import evaluate
from robust_tf.config.shipping import calibrate, export, serve
from robust_tf.config.training import train

__all__ = [
    "calibrate",
    "compete",
    "evaluate",
    "export",
    "perturb",
    "predict",
    "protocol",
    "serve",
    "train",
]
