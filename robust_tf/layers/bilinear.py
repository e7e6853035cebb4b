"""Bilinear resizing in every precision: Bilinear(height=7, width=7)(features).

TensorFlow's own computes in float32 only, and its gradient on GPUs is not the same twice.
"""

from typing import Any

import keras
import numpy as np


@keras.saving.register_keras_serializable(package="robust_tf")
class Bilinear(keras.layers.Layer):
    """Resizes NHWC maps of a known size, pixels being squares (half-pixel centers).

    Args:
      height: of the output.
      width: of the output.
    """

    def __init__(self, height: int, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.height = height
        self.width = width

    def call(self, inputs: Any) -> Any:
        """Returns the resized `inputs`."""
        rows, columns = (
            keras.ops.convert_to_tensor(_weights(source, target), dtype=self.compute_dtype)
            for source, target in zip(inputs.shape[1:3], (self.height, self.width), strict=True)
        )
        x = keras.ops.einsum("yh,nhwc->nywc", rows, inputs)
        return keras.ops.einsum("xw,nywc->nyxc", columns, x)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the output's shape for an input's."""
        return (input_shape[0], self.height, self.width, input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this layer again."""
        return super().get_config() | {"height": self.height, "width": self.width}


def _weights(source: int, target: int) -> np.ndarray:
    """What each of `source` pixels in a row gives to each of `target`, shape (target, source)."""
    center = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    return np.maximum(0, 1 - np.abs(center[:, None] - np.arange(source)))
