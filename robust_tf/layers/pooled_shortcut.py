"""The shortcut without weights of Madry's wide ResNet: PooledShortcut(filters, stride)(x)."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="robust_tf")
class PooledShortcut(keras.layers.Layer):
    """Averages over stride x stride windows and adds zero channels, half of them on either side.

    Args:
      filters: the number of channels of the output, at least that of the input.
      stride: the window's size and step.
    """

    def __init__(self, filters: int, stride: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.stride = stride

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Checks that no channel would have to go."""
        if input_shape[-1] > self.filters:
            raise ValueError(
                f"{self.name} cannot shrink {input_shape[-1]} channels to {self.filters}; "
                "expected as many filters as channels, or more."
            )

    def call(self, inputs: Any) -> Any:
        """Returns the pooled and padded `inputs`."""
        # 'same' pools maps of an odd size to the size that a strided convolution gives them.
        pooled = keras.ops.average_pool(inputs, self.stride, strides=self.stride, padding="same")
        missing = self.filters - inputs.shape[-1]
        sides = (missing // 2, missing - missing // 2)
        return keras.ops.pad(pooled, [(0, 0), (0, 0), (0, 0), sides])

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the output's shape for an input's."""
        batch, *sizes, _ = input_shape
        pooled = (None if size is None else -(-size // self.stride) for size in sizes)
        return (batch, *pooled, self.filters)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this layer again."""
        return super().get_config() | {"filters": self.filters, "stride": self.stride}
