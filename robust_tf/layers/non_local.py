"""Feature denoising's non-local filters (paper 1; Wang et al. 2018; Xie et al. 2019), equation 1:

    y_i = 1 / C(x) * sum_{j in L} f(x_i, x_j) x_j

denoised = NonLocal("gaussian")(features). L holds every position of the map, i among them, as in
the papers' code. What the papers call g is never embedded.
"""

import math
import zlib
from typing import Any

import keras
from keras import ops

from robust_tf import errors
from robust_tf.layers.affinity import RECTIFIED, SOFTMAX, means

# The kinds that have the embeddings theta and phi.
EMBEDDED = ("embedded_gaussian", "concatenation")
KINDS = ("gaussian", "embedded_gaussian", "dot", "concatenation")


@keras.saving.register_keras_serializable(package="robust_tf")
class NonLocal(keras.layers.Layer):
    """Replaces each position's features by a weighted sum of those of all positions.

    gaussian:           f / C = softmax_j(x_i . x_j)
    embedded_gaussian:  f / C = softmax_j(theta(x_i) . phi(x_j) / sqrt(channels of theta))
    dot:                f / C = x_i . x_j / HW
    concatenation:      f / C = ReLU(w_f . [theta(x_i), phi(x_j)]) / HW

    theta and phi are 1x1 convolutions without bias to half of the channels.

    Args:
      kind: a name of KINDS.
      max_affinity: entries of f, an HW x HW matrix, that are held at once for each image, if a row
        has no more of them: beyond it, the x_i go through in chunks. dot needs no such limit.
      seed: what the initial weights depend on.
    """

    def __init__(self, kind: str, max_affinity: int = 2**20, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if kind not in KINDS:
            raise errors.unknown("kind", kind, KINDS)
        self.kind = kind
        self.max_affinity = max_affinity
        self.seed = seed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the embeddings' weights, if the kind has any."""
        _, height, width, channels = input_shape
        if height is None or width is None:
            raise ValueError(
                f"{self.name} got maps of {height}x{width} positions; expected a height and a "
                "width that are known when the network is built."
            )
        if self.kind in EMBEDDED:
            self.theta = self._weight("theta", (1, 1, channels, channels // 2))
            self.phi = self._weight("phi", (1, 1, channels, channels // 2))
        if self.kind == "concatenation":
            self.w_f = self._weight("w_f", (2 * (channels // 2), 1))

    def call(self, inputs: Any) -> Any:
        """Returns y for the features x."""
        _, height, width, channels = inputs.shape
        x = ops.reshape(inputs, (-1, height * width, channels))
        if self.kind == "dot":
            y = _linear(x)
        else:
            affinity = RECTIFIED if self.kind == "concatenation" else SOFTMAX
            queries, keys = (_full(side) for side in self._sides(inputs, x))
            y = means(affinity, queries, keys, _full(x), self.max_affinity)
            y = ops.cast(y, inputs.dtype)
        return ops.reshape(y, (-1, height, width, channels))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this layer again."""
        arguments = {"kind": self.kind, "max_affinity": self.max_affinity, "seed": self.seed}
        return super().get_config() | arguments

    def _weight(self, name: str, shape: tuple[int, ...]) -> keras.Variable:
        seed = zlib.crc32(f"{self.seed}:{name}".encode())
        initializer = keras.initializers.RandomNormal(stddev=0.01, seed=seed)
        return self.add_weight(shape=shape, initializer=initializer, name=name)

    def _sides(self, inputs: Any, x: Any) -> tuple[Any, Any]:
        """The queries q_i and the keys k_j whose products q_i . k_j make f."""
        if self.kind == "gaussian":
            return x, x
        theta, phi = _embedded(inputs, self.theta), _embedded(inputs, self.phi)
        half = theta.shape[-1]
        if self.kind == "embedded_gaussian":
            return theta / math.sqrt(half), phi
        # w_f . [theta(x_i), phi(x_j)] = a_i + b_j = (a_i, 1) . (1, b_j)
        a, b = ops.matmul(theta, self.w_f[:half]), ops.matmul(phi, self.w_f[half:])
        ones = ops.ones_like(a)
        return ops.concatenate([a, ones], axis=-1), ops.concatenate([ones, b], axis=-1)


def _embedded(inputs: Any, kernel: Any) -> Any:
    _, height, width, _ = inputs.shape
    embedded = ops.conv(inputs, kernel, data_format="channels_last")
    return ops.reshape(embedded, (-1, height * width, embedded.shape[-1]))


def _full(x: Any) -> Any:
    """`x` in at least float32: a rounded exponent is a wrong weight."""
    return ops.cast(x, keras.backend.result_type(x.dtype, "float32"))


def _linear(x: Any) -> Any:
    """y = x x^T x / HW, in the order that costs less: through HW x HW or through C x C."""
    positions, channels = x.shape[1:]
    # Half of the division on either side: the matrix between has the size of means, not of sums.
    scaled = x / math.sqrt(positions)
    transposed = ops.swapaxes(scaled, 1, 2)
    if positions < channels:
        return ops.matmul(ops.matmul(scaled, transposed), x)
    return ops.matmul(x, ops.matmul(transposed, scaled))
