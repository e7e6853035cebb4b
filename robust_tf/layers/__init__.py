"""Keras layers that the networks share; importing this package registers them for loading."""

from robust_tf.layers.grouped_convolution import GroupedConv2D
from robust_tf.layers.pooled_shortcut import PooledShortcut

__all__ = ["GroupedConv2D", "PooledShortcut"]
