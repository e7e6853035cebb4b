"""Mirrored images: Flipped()(images)."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="robust_tf")
class Flipped(keras.layers.Layer):
    """Swaps left and right of every NHWC image, in inference as in training."""

    def call(self, inputs: Any) -> Any:
        """Returns the mirrored `inputs`."""
        return keras.ops.flip(inputs, axis=2)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns `input_shape`."""
        return tuple(input_shape)
