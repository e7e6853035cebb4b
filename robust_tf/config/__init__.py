"""Flags, handed on as the frozen dataclasses of plans.py: plan = config.train()."""

from robust_tf.config.competing import compete, perturb, predict, protocol
from robust_tf.config.reading import calibrate, evaluate, export, serve, train

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
