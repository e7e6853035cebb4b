"""Wide residual networks, wrn-DEPTH-WIDTH, pre-activated: parse("wrn-28-10").

A depth D with (D - 4) / 6 whole has 1x1 convolutions as shortcuts where the shape changes; with
(D - 2) / 6 whole it is Madry's form, whose shortcuts are pooled and padded with zero channels.
"""

import dataclasses
import re
from typing import ClassVar

import keras
from keras import KerasTensor

from robust_tf import errors, layers
from robust_tf.networks.parts import Parts

SMALLEST_DEPTH = 8


@dataclasses.dataclass(frozen=True)
class WideResNet:
    """A pre-activated wide residual network of three groups.

    Args:
      blocks: residual blocks in each group.
      width: what the filters 16, 32, 64 of the groups are multiplied by.
      madry: whether it has Madry's form.
    """

    blocks: int
    width: int
    madry: bool

    groups: ClassVar[int] = 3
    norm_epsilon: ClassVar[float] = 1e-5

    @property
    def default_activation(self) -> str:
        """The activation that the form is known with."""
        return "leaky_relu" if self.madry else "relu"

    def stem(self, parts: Parts, x: KerasTensor) -> KerasTensor:
        """Returns what the first group takes."""
        return parts.conv(x, "conv0", 16, 3)

    def group(self, parts: Parts, x: KerasTensor, group: int) -> KerasTensor:
        """Returns what a group makes of `x`."""
        filters = 16 * 2**group * self.width
        for block in range(self.blocks):
            stride = 2 if group > 0 and block == 0 else 1
            x = self._block(parts, x, f"group{group}_block{block}", filters, stride)
        return x

    def pool(self, parts: Parts, x: KerasTensor) -> KerasTensor:
        """Returns one feature vector an image."""
        return parts.mean_pool(parts.act(parts.norm(x, "bn_last"), "act_last"))

    def head_initializer(self, seed: int) -> keras.Initializer:
        """Returns the classifier's initializer."""
        return keras.initializers.LecunUniform(seed=seed)

    def _block(
        self, parts: Parts, x: KerasTensor, name: str, filters: int, stride: int
    ) -> KerasTensor:
        activated = parts.act(parts.norm(x, f"{name}_bn1"), f"{name}_act1")
        y = parts.conv(activated, f"{name}_conv1", filters, 3, stride)
        y = parts.act(parts.norm(y, f"{name}_bn2"), f"{name}_act2")
        y = parts.conv(y, f"{name}_conv2", filters, 3)
        shortcut = self._madry_shortcut if self.madry else self._conv_shortcut
        x = parts.add(y, shortcut(parts, x, activated, name, filters, stride), f"{name}_add")
        return parts.block(x, name)

    @staticmethod
    def _conv_shortcut(
        parts: Parts, x: KerasTensor, activated: KerasTensor, name: str, filters: int, stride: int
    ) -> KerasTensor:
        if stride == 1 and x.shape[-1] == filters:
            return x
        return parts.conv(activated, f"{name}_shortcut", filters, 1, stride)

    @staticmethod
    def _madry_shortcut(
        parts: Parts, x: KerasTensor, activated: KerasTensor, name: str, filters: int, stride: int
    ) -> KerasTensor:
        # Only the very first block hands on its activated input.
        source = activated if name == "group0_block0" else x
        if stride == 1 and x.shape[-1] == filters:
            return source
        options = {"filters": filters, "stride": stride}
        return parts.layer(layers.PooledShortcut, f"{name}_shortcut", **options)(source)


def parse(name: str) -> WideResNet | None:
    """Returns the network called `name`, or None where that is no wide residual network's name."""
    match = re.fullmatch(r"wrn-([1-9]\d*)-([1-9]\d*)", name)
    if not match:
        return None
    depth, width = int(match[1]), int(match[2])
    nearest = _nearest_depth(depth)
    if depth != nearest:
        raise errors.InputError(
            f"--network={name} has a depth that no wide residual network has; expected 6 n + 4 or "
            f"6 n + 2 with n >= 1, the nearest is wrn-{nearest}-{width}."
        )
    madry = depth % 6 == 2
    return WideResNet(blocks=(depth - (2 if madry else 4)) // 6, width=width, madry=madry)


def _nearest_depth(depth: int) -> int:
    around = range(max(depth - 3, SMALLEST_DEPTH), max(depth, SMALLEST_DEPTH) + 4)
    return min((d for d in around if d % 6 in (2, 4)), key=lambda d: abs(d - depth))
