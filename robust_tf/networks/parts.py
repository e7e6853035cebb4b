"""What every network is made of: Parts names, seeds and types each layer in one way.

parts = Parts("relu", sync_bn=False, dtype="float32", seed=0)
x = parts.conv(x, "conv0", filters=16, size=3)

A layer is made once: the same name again is the same layer with the same weights.
"""

import dataclasses
import functools
import zlib
from collections.abc import Callable

import keras
from keras import KerasTensor

from robust_tf import layers

ACTIVATIONS = {
    "relu": lambda **options: keras.layers.ReLU(**options),
    "elu": lambda **options: keras.layers.ELU(**options),
    "leaky_relu": lambda **options: keras.layers.LeakyReLU(negative_slope=0.1, **options),
}
HEADS = ("linear", "tanh")
DENOISE_AT = ("group", "block")


@dataclasses.dataclass(frozen=True)
class Parts:
    """Adds layers to a functional model.

    Args:
      activation: a name of ACTIVATIONS.
      sync_bn: whether batch norm takes its statistics over all replicas.
      dtype: the dtype policy of the layers.
      seed: what the initial weights depend on, with each layer's name.
      denoise: the filter of denoising blocks, or none.
      denoise_at: whether they come after each group or each block.
      epsilon: of batch norm.
    """

    activation: str
    sync_bn: bool
    dtype: str
    seed: int
    denoise: str = "none"
    denoise_at: str = "group"
    epsilon: float = 1e-5
    made: dict[str, keras.layers.Layer] = dataclasses.field(default_factory=dict, repr=False)

    @property
    def full_dtype(self) -> str:
        """What stays unreduced under mixed precision: the images, the logits, Tanh."""
        return "float64" if self.dtype == "float64" else "float32"

    def layer_seed(self, name: str) -> int:
        """Returns a seed that depends on the layer's name, not on what was built before it."""
        return zlib.crc32(f"{self.seed}:{name}".encode())

    def layer(self, kind: Callable, name: str, **options) -> keras.layers.Layer:
        """Returns the layer of this name, made now or before."""
        if name not in self.made:
            self.made[name] = kind(name=name, **{"dtype": self.dtype, **options})
        return self.made[name]

    def rescale(self, images: KerasTensor) -> KerasTensor:
        """Maps [0, 1] to [-1, 1], so that zero padding is a middle grey."""
        # In bfloat16 an image would lose half of its 256 levels here.
        options = {"scale": 2.0, "offset": -1.0, "dtype": self.full_dtype}
        return self.layer(keras.layers.Rescaling, "rescale", **options)(images)

    def conv(
        self,
        x: KerasTensor,
        name: str,
        filters: int,
        size: int,
        stride: int = 1,
        groups: int = 1,
        fan: str = "fan_out",
        bias: bool = False,
        scale: float = 2.0,
    ) -> KerasTensor:
        """Adds a 'same' convolution with weights of variance `scale` (He's is 2) over `fan`."""
        kind = keras.layers.Conv2D if groups == 1 else layers.GroupedConv2D
        initializer = keras.initializers.VarianceScaling(
            scale, fan, "truncated_normal", seed=self.layer_seed(name)
        )
        layer = self.layer(
            kind,
            name,
            filters=filters,
            kernel_size=size,
            strides=stride,
            padding="same",
            groups=groups,
            use_bias=bias,
            kernel_initializer=initializer,
        )
        return layer(x)

    def norm(self, x: KerasTensor, name: str, gamma: str = "ones") -> KerasTensor:
        """Adds a batch norm whose scale starts as `gamma`."""
        layer = self.layer(
            keras.layers.BatchNormalization,
            name,
            momentum=0.9,
            epsilon=self.epsilon,
            gamma_initializer=gamma,
            synchronized=self.sync_bn,
        )
        return layer(x)

    def act(self, x: KerasTensor, name: str) -> KerasTensor:
        """Adds the activation."""
        return self.layer(ACTIVATIONS[self.activation], name)(x)

    def add(self, x: KerasTensor, y: KerasTensor, name: str) -> KerasTensor:
        """Adds the sum of two feature maps."""
        return self.layer(keras.layers.Add, name)([x, y])

    def block(self, x: KerasTensor, name: str) -> KerasTensor:
        """Ends a block: with a denoising block, where each has one."""
        return self.denoised(x, name) if self.denoise_at == "block" else x

    def group(self, x: KerasTensor, index: int) -> KerasTensor:
        """Ends a group: denoises, where groups are, and names the output for those who tap it."""
        name = f"group{index}"
        if self.denoise_at == "group":
            x = self.denoised(x, name)
        return self.layer(keras.layers.Identity, name)(x)

    def denoised(self, x: KerasTensor, name: str) -> KerasTensor:
        """Adds a denoising block: "transforming y_i using a single 1x1 convolutional layer, and
        adding the result to x_i" (paper 1), with batch norm of zero gamma, no ReLU (its code)."""
        if self.denoise == "none":
            return x
        name = f"{name}_denoise"
        filter = functools.partial(layers.denoiser, self.denoise, seed=self.layer_seed(name))
        y = self.layer(filter, name)(x)
        y = self.norm(self.conv(y, f"{name}_conv", x.shape[-1], 1), f"{name}_bn", gamma="zeros")
        return self.add(x, y, f"{name}_add")

    def max_pool(self, x: KerasTensor, name: str, size: int) -> KerasTensor:
        """Adds 'same' max pooling that halves the map."""
        options = {"pool_size": size, "strides": 2, "padding": "same"}
        return self.layer(keras.layers.MaxPooling2D, name, **options)(x)

    def mean_pool(self, x: KerasTensor) -> KerasTensor:
        """Adds the mean over the map's positions."""
        return self.layer(keras.layers.GlobalAveragePooling2D, "pool")(x)

    def head(
        self, x: KerasTensor, kind: str, classes: int, initializer: keras.Initializer
    ) -> KerasTensor:
        """Adds the classifier; a tanh head squeezes the logits to (-1, 1).

        Args:
          x: one feature vector an image.
          kind: a name of HEADS.
          classes: how many.
          initializer: of the kernel.
        """
        # TensorFlow's gradient of Tanh is exactly 0 from 3.5 in bfloat16, from 8 in float32.
        name = "before_squeeze" if kind == "tanh" else "logits"
        options = {"units": classes, "kernel_initializer": initializer, "dtype": self.full_dtype}
        linear = self.layer(keras.layers.Dense, name, **options)(x)
        if kind == "linear":
            return linear
        squeeze = functools.partial(keras.layers.Activation, "tanh")
        return self.layer(squeeze, "logits", dtype=self.full_dtype)(linear)
