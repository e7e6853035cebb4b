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

    def features(self, parts: Parts, x: KerasTensor) -> KerasTensor:
        """Returns one feature vector an image."""
        for index, filters in enumerate((32, 64)):
            name = f"group{index}"
            # Without batch norm the size of the activations has to survive the way forward.
            x = parts.conv(x, f"{name}_conv", filters, 4, stride=2, fan="fan_in", bias=True)
            x = parts.group(parts.act(x, f"{name}_act"), index)
        x = keras.layers.Flatten(name="flatten", dtype=parts.dtype)(x)
        initializer = keras.initializers.HeNormal(seed=parts.layer_seed("dense"))
        layer = keras.layers.Dense(
            256, kernel_initializer=initializer, name="dense", dtype=parts.dtype
        )
        return parts.act(layer(x), "dense_act")

    def head_initializer(self, seed: int) -> keras.Initializer:
        """Returns the classifier's initializer."""
        return keras.initializers.LecunUniform(seed=seed)
