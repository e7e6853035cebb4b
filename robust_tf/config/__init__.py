"""Flags, handed on as the frozen dataclasses of plans.py: plan = config.train()."""

from robust_tf.config.reading import calibrate, evaluate, export, serve, train

__all__ = ["calibrate", "evaluate", "export", "serve", "train"]
