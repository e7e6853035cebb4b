"""What a pass through an ImageNet network costs, by the arithmetic of its layers.

    costs("resnet-152", "embedded_gaussian", "group").multiply_adds

Counted are convolutions, the classifier and the products of the denoising blocks: what a GPU spends
its time on. Batch norm, activations and additions are left out.
"""

from typing import NamedTuple

# Blocks of each group; then groups of a 3x3 convolution and the channels of each in group 0.
NETWORKS = {
    "resnet-50": ((3, 4, 6, 3), 1, 64),
    "resnet-101": ((3, 4, 23, 3), 1, 64),
    "resnet-152": ((3, 8, 36, 3), 1, 64),
    "resnext-101-32x8d": ((3, 4, 23, 3), 32, 8),
}


class Costs(NamedTuple):
    """Of one image.

    Attributes:
      multiply_adds: of a forward pass.
      parameters: that are trained.
      kernels: launches of a forward pass on a GPU, about: a convolution, a batch norm and an
        activation each, a denoising block five (dot) or eight.
    """

    multiply_adds: int = 0
    parameters: int = 0
    kernels: int = 0

    def plus(self, other: "Costs") -> "Costs":
        """Of both, one after the other."""
        return Costs(*(a + b for a, b in zip(self, other, strict=True)))


def architecture(name: str) -> tuple[str, str, str]:
    """Network, denoiser and its place of a name such as "resnet-50, dot at blocks"."""
    network, _, filters = name.partition(", ")
    denoise, _, place = filters.partition(" at ")
    return network, denoise or "none", place.removesuffix("s") or "group"


def costs(
    network: str,
    denoise: str = "none",
    denoise_at: str = "group",
    size: int = 224,
    classes: int = 1000,
) -> Costs:
    """Those of a network with its denoising blocks.

    Args:
      network: a name of NETWORKS.
      denoise: none, dot or embedded_gaussian.
      denoise_at: group or block.
      size: of the image.
      classes: how many.
    """
    blocks, cardinality, width = NETWORKS[network]
    size = _half(size)
    total = _convolution(3, 64, 7, size)
    size, channels = _half(size), 64
    for group, count in enumerate(blocks):
        inner, outer = cardinality * width * 2**group, 256 * 2**group
        for block in range(count):
            total = total.plus(_convolution(channels, inner, 1, size))
            small = _half(size) if group and not block else size
            total = total.plus(_convolution(inner, inner, 3, small, cardinality))
            total = total.plus(_convolution(inner, outer, 1, small))
            if channels != outer:
                total = total.plus(_convolution(channels, outer, 1, small))
            size, channels = small, outer
            if denoise != "none" and (denoise_at == "block" or block == count - 1):
                total = total.plus(_denoising(denoise, channels, size**2))
    return total.plus(Costs(channels * classes, (channels + 1) * classes, 2))


def _half(size: int) -> int:
    return -(-size // 2)


def _convolution(inside: int, outside: int, kernel: int, size: int, groups: int = 1) -> Costs:
    """With the batch norm behind it, on an output of size x size."""
    weights = kernel**2 * inside // groups * outside
    return Costs(weights * size**2, weights + 2 * outside, 3)


def _denoising(kind: str, channels: int, positions: int) -> Costs:
    """The non-local mean, and the 1x1 convolution with batch norm behind it."""
    behind = Costs(channels**2 * positions, channels**2 + 2 * channels, 3)
    if kind == "dot":
        # Through the smaller of the two matrices between positions and between channels.
        between = min(positions, channels)
        return behind.plus(Costs(2 * between * positions * channels, 0, 2))
    half = channels // 2
    embedded = Costs(2 * channels * half * positions, 2 * channels * half, 2)
    mean = Costs(positions**2 * (half + channels), 0, 3)
    return behind.plus(embedded).plus(mean)
