"""A ReLU, leaky or not, without its corner."""

import keras
from keras import ops


class SoftReLU(keras.layers.Layer):
    """slope x + (1 - slope) softness log(1 + exp(x / softness)).

    Args:
      slope: of the ReLU below zero.
      softness: over how much of x its corner is spread.
      **options: of every layer.
    """

    def __init__(self, slope: float, softness: float, **options):
        super().__init__(**options)
        self.slope = slope
        self.softness = softness

    def call(self, x):
        """The activation."""
        rounded = self.softness * ops.softplus(x / self.softness)
        return self.slope * x + (1 - self.slope) * rounded
