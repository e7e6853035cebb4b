"""cnn-small: two convolutions and two dense layers without batch norm, for MNIST and digits."""

import dataclasses
from typing import ClassVar

import keras
from keras import KerasTensor

from robust_tf.networks.parts import Parts


@dataclasses.dataclass(frozen=True)
class SmallCNN:
    """32 and 64 4x4 filters with stride 2, then 256 units.

    Strides instead of pooling make an attack step a fifth of what Madry's MNIST network costs.
    """

    default_activation: ClassVar[str] = "relu"
    norm_epsilon: ClassVar[float] = 1e-5

    groups: ClassVar[int] = 2

    def stem(self, parts: Parts, x: KerasTensor) -> KerasTensor:
        """Returns `x`: the first group is the first layer."""
        return x

    def group(self, parts: Parts, x: KerasTensor, group: int) -> KerasTensor:
        """Returns what a group, one convolution, makes of `x`."""
        name = f"group{group}"
        # Without batch norm the size of the activations has to survive the way forward.
        x = parts.conv(x, f"{name}_conv", 32 * 2**group, 4, stride=2, fan="fan_in", bias=True)
        return parts.block(parts.act(x, f"{name}_act"), f"{name}_block0")

    def pool(self, parts: Parts, x: KerasTensor) -> KerasTensor:
        """Returns one feature vector an image."""
        x = parts.layer(keras.layers.Flatten, "flatten")(x)
        initializer = keras.initializers.HeNormal(seed=parts.layer_seed("dense"))
        options = {"units": 256, "kernel_initializer": initializer}
        return parts.act(parts.layer(keras.layers.Dense, "dense", **options)(x), "dense_act")

    def head_initializer(self, seed: int) -> keras.Initializer:
        """Returns the classifier's initializer."""
        return keras.initializers.LecunUniform(seed=seed)
