"""cnn-small: two convolutions and two dense layers without batch norm, for MNIST and digits."""

import dataclasses
from typing import ClassVar

import keras
from keras import KerasTensor

from robust_tf.networks.parts import Parts


@dataclasses.dataclass(frozen=True)
class SmallCNN:
    """The shape of Madry's MNIST network: 32 and 64 5x5 filters, each pooled, then 1024 units."""

    default_activation: ClassVar[str] = "relu"

    def features(self, parts: Parts, x: KerasTensor) -> KerasTensor:
        """Returns one feature vector an image."""
        for index, filters in enumerate((32, 64)):
            name = f"group{index}"
            # Without batch norm the size of the activations has to survive the way forward.
            x = parts.conv(x, f"{name}_conv", filters, 5, fan="fan_in", bias=True)
            x = parts.act(x, f"{name}_act")
            x = parts.group(parts.max_pool(x, f"{name}_pool", 2), index)
        x = keras.layers.Flatten(name="flatten", dtype=parts.dtype)(x)
        initializer = keras.initializers.HeNormal(seed=parts.layer_seed("dense"))
        layer = keras.layers.Dense(
            1024, kernel_initializer=initializer, name="dense", dtype=parts.dtype
        )
        return parts.act(layer(x), "dense_act")

    def head_initializer(self, seed: int) -> keras.Initializer:
        """Returns the classifier's initializer."""
        return keras.initializers.LecunUniform(seed=seed)
