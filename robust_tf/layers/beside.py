"""An output that the next layer has no use for stays in the network: Beside()([x, restored])."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="robust_tf")
class Beside(keras.layers.Layer):
    """Hands on the first of two tensors.

    A functional network holds what its output depends on and nothing else. The second tensor would
    be lost when the network is made, saved or cloned, and could not be tapped by name.
    """

    def call(self, inputs: list[Any]) -> Any:
        """Returns the first of `inputs`."""
        x, _ = inputs
        return x

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple:
        """Returns the first shape."""
        return tuple(input_shape[0])
