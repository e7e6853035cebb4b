"""The local filters of feature denoising, over 3x3 neighbourhoods: LocalFilter("median")(features).

The mean, the median and the Gaussian filter are TensorFlow Addons'; the bilateral one is our own.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from robust_tf import errors

KINDS = ("mean", "median", "bilateral", "gaussian_filter")


@keras.saving.register_keras_serializable(package="robust_tf")
class LocalFilter(keras.layers.Layer):
    """Replaces each position's features by a mean or the median of its 3x3 neighbourhood.

    mean, median and gaussian_filter (sigma 1) act on each channel alone; over the map's edge they
    see its outermost positions again ("SYMMETRIC": Addons' default, "REFLECT", has no answer for a
    map of one position). bilateral weighs whole feature vectors, and only positions of the map:

        y_i = sum_{j in Omega(i)} softmax_j(x_i . x_j) x_j

    Args:
      kind: a name of KINDS.
    """

    def __init__(self, kind: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if kind not in KINDS:
            raise errors.unknown("kind", kind, KINDS)
        self.kind = kind

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Finds the filter."""
        self._filter = _bilateral if self.kind == "bilateral" else _from_addons(self.kind)

    def call(self, inputs: Any) -> Any:
        """Returns the filtered features."""
        return self._filter(inputs)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this layer again."""
        return super().get_config() | {"kind": self.kind}


def _from_addons(kind: str) -> Callable[[Any], Any]:
    # Only a network with such a filter needs TensorFlow Addons.
    from robust_tf.interop import addons

    return {
        "mean": addons.mean_filter,
        "median": addons.median_filter,
        "gaussian_filter": addons.gaussian_filter,
    }[kind]


def _bilateral(inputs: Any) -> Any:
    # In at least float32: a rounded exponent is a wrong weight.
    x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
    neighbours = _shifted(x)
    inside = ops.concatenate(_shifted(ops.ones_like(x[..., :1])), axis=-1) > 0
    scores = ops.stack([ops.sum(x * x_j, axis=-1) for x_j in neighbours], axis=-1)
    weights = ops.softmax(ops.where(inside, scores, -float("inf")))
    y = sum(weights[..., j, None] * x_j for j, x_j in enumerate(neighbours))
    return ops.cast(y, inputs.dtype)


def _shifted(x: Any) -> list[Any]:
    """Each position's nine neighbours, one map for each direction; zero over the edge."""
    height, width = ops.shape(x)[1:3]
    padded = ops.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    return [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
