"""Defences at inference: an image goes in, a decision comes out."""

from robust_tf.defenses.active_defense import ActiveDefense, Induced
from robust_tf.defenses.calibration import Calibration, calibrate
from robust_tf.defenses.defended import defended_victim

__all__ = ["ActiveDefense", "Calibration", "Induced", "calibrate", "defended_victim"]
