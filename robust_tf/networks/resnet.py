"""ResNet and ResNeXt with bottlenecks, activated after the sum: RESNETS["resnet-50"].

As tensorpack's ImageNet networks: the stride is on the 3x3, padding is TensorFlow's 'same', the
last batch norm of each block starts with a scale of zero.
"""

import dataclasses
from typing import ClassVar

import keras
from keras import KerasTensor

from robust_tf.networks.parts import Parts

STEMS = ("imagenet", "small")
# On smaller images the imagenet stem leaves the last group fewer than 3x3 positions.
SMALL_BELOW = 96


@dataclasses.dataclass(frozen=True)
class ResNet:
    """A residual network of bottleneck blocks.

    Args:
      blocks: how many in each group.
      cardinality: groups of each 3x3 convolution; above 1 it is a ResNeXt.
      group_width: channels in each of them, in the first group of blocks.
      stem_kind: "imagenet" (7x7, stride 2, then pooling) or "small" (3x3, no pooling).
    """

    blocks: tuple[int, ...]
    cardinality: int = 1
    group_width: int = 64
    stem_kind: str = "imagenet"

    default_activation: ClassVar[str] = "relu"
    # What TensorFlow 1 makes of 1e-5, which the published weights were trained with.
    norm_epsilon: ClassVar[float] = 1.001e-5

    @property
    def groups(self) -> int:
        """How many groups of blocks there are."""
        return len(self.blocks)

    def stem(self, parts: Parts, x: KerasTensor) -> KerasTensor:
        """Returns what the first group takes."""
        size, stride = (7, 2) if self.stem_kind == "imagenet" else (3, 1)
        x = parts.conv(x, "conv0", 64, size, stride)
        x = parts.act(parts.norm(x, "bn0"), "act0")
        return parts.max_pool(x, "pool0", 3) if self.stem_kind == "imagenet" else x

    def group(self, parts: Parts, x: KerasTensor, group: int) -> KerasTensor:
        """Returns what a group makes of `x`."""
        for block in range(self.blocks[group]):
            stride = 2 if group > 0 and block == 0 else 1
            x = self._block(parts, x, f"group{group}_block{block}", group, stride)
        return x

    def pool(self, parts: Parts, x: KerasTensor) -> KerasTensor:
        """Returns one feature vector an image."""
        return parts.mean_pool(x)

    def head_initializer(self, seed: int) -> keras.Initializer:
        """Returns the classifier's initializer."""
        return keras.initializers.RandomNormal(stddev=0.01, seed=seed)

    def _block(
        self, parts: Parts, x: KerasTensor, name: str, group: int, stride: int
    ) -> KerasTensor:
        inner = self.cardinality * self.group_width * 2**group
        outer = 256 * 2**group
        y = parts.conv(x, f"{name}_conv1", inner, 1)
        y = parts.act(parts.norm(y, f"{name}_bn1"), f"{name}_act1")
        y = parts.conv(y, f"{name}_conv2", inner, 3, stride, groups=self.cardinality)
        y = parts.act(parts.norm(y, f"{name}_bn2"), f"{name}_act2")
        y = parts.conv(y, f"{name}_conv3", outer, 1)
        y = parts.norm(y, f"{name}_bn3", gamma="zeros")
        if x.shape[-1] != outer:
            x = parts.conv(x, f"{name}_shortcut", outer, 1, stride)
            x = parts.norm(x, f"{name}_shortcut_bn")
        return parts.block(parts.act(parts.add(y, x, f"{name}_add"), f"{name}_act3"), name)


RESNETS = {
    "resnet-50": ResNet((3, 4, 6, 3)),
    "resnet-101": ResNet((3, 4, 23, 3)),
    "resnet-152": ResNet((3, 8, 36, 3)),
    "resnext-50-32x4d": ResNet((3, 4, 6, 3), cardinality=32, group_width=4),
    "resnext-101-32x8d": ResNet((3, 4, 23, 3), cardinality=32, group_width=8),
}
