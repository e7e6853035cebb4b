"""Keras layers that the networks share; importing this package registers them for loading."""

from robust_tf.layers.beside import Beside
from robust_tf.layers.bilinear import Bilinear
from robust_tf.layers.denoising import DENOISERS, denoiser
from robust_tf.layers.flipped import Flipped
from robust_tf.layers.grouped_convolution import GroupedConv2D
from robust_tf.layers.local_filters import LocalFilter
from robust_tf.layers.non_local import NonLocal
from robust_tf.layers.pooled_shortcut import PooledShortcut
from robust_tf.layers.soft_relu import SoftReLU

__all__ = [
    "DENOISERS",
    "Beside",
    "Bilinear",
    "Flipped",
    "GroupedConv2D",
    "LocalFilter",
    "NonLocal",
    "PooledShortcut",
    "SoftReLU",
    "denoiser",
]
