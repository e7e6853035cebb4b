"""Defences at inference: an image goes in, a decision comes out."""

from robust_tf.defenses.active_defense import ActiveDefense, Induced
from robust_tf.defenses.calibration import Calibration, calibrate
from robust_tf.defenses.defended import defended_victim
from robust_tf.defenses.unrolled import SOFTNESS, Unrolled

__all__ = [
    "SOFTNESS",
    "ActiveDefense",
    "Calibration",
    "Induced",
    "Unrolled",
    "calibrate",
    "defended_victim",
]
