"""What every network is made of: Parts names, seeds and types each layer in one way.

parts = Parts("relu", sync_bn=False, dtype="float32", seed=0)
x = parts.conv(x, "conv0", filters=16, size=3)
"""

import dataclasses
import zlib

import keras
from keras import KerasTensor

from robust_tf import layers

ACTIVATIONS = {
    "relu": lambda **options: keras.layers.ReLU(**options),
    "elu": lambda **options: keras.layers.ELU(**options),
    "leaky_relu": lambda **options: keras.layers.LeakyReLU(negative_slope=0.1, **options),
}
HEADS = ("linear", "tanh")


@dataclasses.dataclass(frozen=True)
class Parts:
    """Adds layers to a functional model.

    Args:
      activation: a name of ACTIVATIONS.
      sync_bn: whether batch norm takes its statistics over all replicas.
      dtype: the dtype policy of the layers.
      seed: what the initial weights depend on, with each layer's name.
    """

    activation: str
    sync_bn: bool
    dtype: str
    seed: int

    @property
    def full_dtype(self) -> str:
        """What stays unreduced under mixed precision: the images, the logits, Tanh."""
        return "float64" if self.dtype == "float64" else "float32"

    def layer_seed(self, name: str) -> int:
        """Returns a seed that depends on the layer's name, not on what was built before it."""
        return zlib.crc32(f"{self.seed}:{name}".encode())

    def rescale(self, images: KerasTensor) -> KerasTensor:
        """Maps [0, 1] to [-1, 1], so that zero padding is a middle grey."""
        # In bfloat16 an image would lose half of its 256 levels here.
        layer = keras.layers.Rescaling(2.0, offset=-1.0, name="rescale", dtype=self.full_dtype)
        return layer(images)

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
    ) -> KerasTensor:
        """Adds a 'same' convolution with He's initialization over `fan`."""
        kind = keras.layers.Conv2D if groups == 1 else layers.GroupedConv2D
        initializer = keras.initializers.VarianceScaling(
            2.0, fan, "truncated_normal", seed=self.layer_seed(name)
        )
        layer = kind(
            filters,
            size,
            strides=stride,
            padding="same",
            groups=groups,
            use_bias=bias,
            kernel_initializer=initializer,
            name=name,
            dtype=self.dtype,
        )
        return layer(x)

    def norm(self, x: KerasTensor, name: str, gamma: str = "ones") -> KerasTensor:
        """Adds a batch norm whose scale starts as `gamma`."""
        layer = keras.layers.BatchNormalization(
            momentum=0.9,
            epsilon=1e-5,
            gamma_initializer=gamma,
            synchronized=self.sync_bn,
            name=name,
            dtype=self.dtype,
        )
        return layer(x)

    def act(self, x: KerasTensor, name: str) -> KerasTensor:
        """Adds the activation."""
        return ACTIVATIONS[self.activation](name=name, dtype=self.dtype)(x)

    def add(self, x: KerasTensor, y: KerasTensor, name: str) -> KerasTensor:
        """Adds the sum of two feature maps."""
        return keras.layers.Add(name=name, dtype=self.dtype)([x, y])

    def group(self, x: KerasTensor, index: int) -> KerasTensor:
        """Names the output of a group, for those who tap features."""
        return keras.layers.Identity(name=f"group{index}", dtype=self.dtype)(x)

    def max_pool(self, x: KerasTensor, name: str, size: int) -> KerasTensor:
        """Adds 'same' max pooling that halves the map."""
        layer = keras.layers.MaxPooling2D(
            size, strides=2, padding="same", name=name, dtype=self.dtype
        )
        return layer(x)

    def mean_pool(self, x: KerasTensor) -> KerasTensor:
        """Adds the mean over the map's positions."""
        return keras.layers.GlobalAveragePooling2D(name="pool", dtype=self.dtype)(x)

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
        layer = keras.layers.Dense(
            classes, kernel_initializer=initializer, name=name, dtype=self.full_dtype
        )
        linear = layer(x)
        if kind == "linear":
            return linear
        return keras.layers.Activation("tanh", name="logits", dtype=self.full_dtype)(linear)
