"""The Feature Pyramid Decoder around a network (paper 2: Li et al., CVPR 2020): FPD(inner=2).

    x   --[front denoising]--> taps of the groups --[restoration]--> "restored" --[clean]--> x'
    x'  --[back denoising: the layers of the front once more]--> features of the classifier

Every layer is made once, so that both passes have one set of weights; "group0", "group1", ... and
all other names are those of the first pass. No clip, rounding or stop_gradient stands between the
image and the logits: attacks go through both passes.

Where the public code differs from the paper, this is the paper's way. Its middle layer adds what it
denoises of the input to the restored image, and its decoder has no activation.
"""

import dataclasses
import functools
from collections.abc import Sequence

import keras
from keras import KerasTensor

from robust_tf import errors, layers
from robust_tf.networks.cnn import SmallCNN
from robust_tf.networks.parts import Parts
from robust_tf.networks.resnet import ResNet
from robust_tf.networks.wide_resnet import WideResNet

PARTS = ("fd", "fd_r", "full")
# Places of inner denoising layers: after the stem, and after the first, second and third group.
PLACES = {"shallow": (0, 1), "deep": (2, 3)}
CLEAN = ("none", "average", "flip", "middle")
# Channels of the pyramid, at most, and of the transposed convolutions, at least.
WIDEST = 256
NARROWEST = 8


@dataclasses.dataclass(frozen=True)
class FPD:
    """Which parts of paper 2's decoder are put around a network; the default is its F_2I-Mid.

    Args:
      parts: "fd" (front denoising alone), "fd_r" (with restoration, which the classifier does not
        depend on) or "full" (the classifier sees the cleaned restored image).
      at: where two inner denoising layers are: "shallow" (after the stem and the first group) or
        "deep" (after the second and third group).
      inner: inner denoising layers, 0, 2 or 4.
      bottleneck: whether 1x1 convolutions lead to half the channels before the inner denoising and
        back after it (figure 2a; the paper does not give the width).
      clean: what becomes of the restored image before the second pass: "none", "average" (with the
        input), "flip" (left and right), or "middle" (denoised, figure 2c).
    """

    parts: str = "full"
    at: str = "shallow"
    inner: int = 2
    bottleneck: bool = False
    clean: str = "middle"

    def __post_init__(self):
        for flag, value, known in (
            ("--fpd", self.parts, PARTS),
            ("--fpd_at", self.at, tuple(PLACES)),
            ("--fpd_clean", self.clean, CLEAN),
        ):
            if value not in known:
                raise errors.unknown(flag, value, known)
        if self.inner not in (0, 2, 4):
            raise errors.InputError(f"--fpd_inner={self.inner} is unknown; expected 0, 2 or 4.")

    def features(
        self, body: SmallCNN | WideResNet | ResNet, parts: Parts, images: KerasTensor
    ) -> KerasTensor:
        """Returns one feature vector an image, for the classifier."""
        if isinstance(body, SmallCNN):
            raise errors.InputError(
                "--fpd needs a network of blocks; expected --network to be a wrn, resnet or "
                "resnext, got cnn-small."
            )
        x, taps = self._denoised(body, parts, images)
        if self.parts == "fd":
            return body.pool(parts, x)
        restored = _restored(parts, taps, images)
        if self.parts == "fd_r":
            return parts.layer(layers.Beside, "beside")([body.pool(parts, x), restored])
        cleaned = self._cleaned(parts, restored, images)
        return body.pool(parts, self._denoised(body, parts, cleaned)[0])

    def _denoised(
        self, body: WideResNet | ResNet, parts: Parts, images: KerasTensor
    ) -> tuple[KerasTensor, list[KerasTensor]]:
        """The front denoising module, or the back one: what it ends with, and the groups' taps."""
        x, taps = self._inner(parts, body.stem(parts, parts.rescale(images)), 0), []
        for group in range(body.groups):
            x = parts.group(body.group(parts, x, group), group)
            # "we firstly upsample feature maps from each block (except the first block)": the tap
            # is before the inner layer that follows.
            taps.append(x)
            x = self._inner(parts, x, group + 1)
        return x, taps

    def _inner(self, parts: Parts, x: KerasTensor, place: int) -> KerasTensor:
        """Adds the inner denoising layer of a place that has one (figure 2a or 2b)."""
        places = {0: (), 2: PLACES[self.at], 4: (0, 1, 2, 3)}[self.inner]
        if place not in places:
            return x
        name, channels = f"inner{place}", x.shape[-1]
        if not self.bottleneck:
            return parts.add(x, _dot(parts, x, name), f"{name}_add")
        y = parts.conv(x, f"{name}_reduce", channels // 2, 1)
        y = parts.conv(_dot(parts, y, name), f"{name}_expand", channels, 1)
        return parts.add(x, y, f"{name}_add")

    def _cleaned(self, parts: Parts, restored: KerasTensor, images: KerasTensor) -> KerasTensor:
        """The image of the second pass."""
        full = {"dtype": parts.full_dtype}
        if self.clean == "average":
            return parts.layer(keras.layers.Average, "cleaned", **full)([restored, images])
        if self.clean == "flip":
            return parts.layer(layers.Flipped, "cleaned", **full)(restored)
        if self.clean == "middle":
            denoised = _dot(parts, restored, "middle", **full)
            return parts.layer(keras.layers.Add, "cleaned", **full)([restored, denoised])
        return restored


def restorer(network: keras.Model) -> keras.Model:
    """Returns a model from images to restored ones; its variables are front's and restoration's.

    Args:
      network: one with a layer "restored".
    """
    restored = network.get_layer("restored").output
    return keras.Model(network.input, restored, name=f"{network.name}_restorer")


def second_pass(network: keras.Model, last: str) -> keras.Model:
    """Returns a model from the restored image and the image to the second pass's last layer.

    Args:
      network: one built with FPD("full").
      last: the layer that it ends with, logits or before_squeeze.
    """
    # Only the average of both needs the image beside the restored one.
    images = [network.get_layer("restored").output, network.input]
    return keras.Model(images, network.get_layer(last).output, name=f"{network.name}_second")


def _dot(parts: Parts, x: KerasTensor, name: str, **options) -> KerasTensor:
    """Non-local means by dot products / HW, which has no parameters."""
    kind = functools.partial(layers.NonLocal, "dot", seed=parts.layer_seed(name))
    return parts.layer(kind, name, **options)(x)


def _restored(parts: Parts, taps: Sequence[KerasTensor], images: KerasTensor) -> KerasTensor:
    """The image restoration module: an unbounded image of the input's size, in its scale."""
    channels = min(WIDEST, taps[0].shape[-1])
    *finer, x = (
        parts.conv(tap, f"lateral{group}", channels, 1, fan="fan_in", bias=True, scale=1.0)
        for group, tap in enumerate(taps)
    )
    for group, lateral in reversed(list(enumerate(finer))):
        size = {"height": lateral.shape[1], "width": lateral.shape[2]}
        x = parts.layer(layers.Bilinear, f"upsampled{group}", **size)(x)
        x = parts.add(lateral, x, f"fused{group}")
    x = parts.conv(x, "smoothed", channels, 3, fan="fan_in", bias=True, scale=1.0)
    full, size = {"dtype": parts.full_dtype}, images.shape[1:3]
    half = tuple(-(-side // 2) for side in size)
    # Two of them, for the imagenet stem halves the image twice.
    for i, next_size in enumerate((size if x.shape[1:3] in (size, half) else half, size)):
        channels = max(NARROWEST, channels // 4)
        x = _transposed(parts, x, f"transposed{i}", channels, next_size)
        x = parts.act(x, f"transposed{i}_act")
    # It starts near a middle grey. As large as a feature map is, the cleaned image would start a
    # hundred times as bright as an image: its denoising is cubic.
    start = {"scale": 0.01, "bias_initializer": keras.initializers.Constant(0.5)}
    x = _transposed(parts, x, "transposed2", images.shape[-1], size, kernel_size=1, **start, **full)
    return parts.layer(keras.layers.Identity, "restored", **full)(x)


def _transposed(
    parts: Parts,
    x: KerasTensor,
    name: str,
    filters: int,
    size: tuple[int, int],
    scale: float = 1.0,
    **options,
) -> KerasTensor:
    """Adds a transposed convolution to `size`, which is that of `x` or up to twice as large."""
    stride = 1 if x.shape[1:3] == size else 2
    # Keras swaps the fans of a transposed kernel, and a stride leaves out all but 1 / stride^2.
    initializer = keras.initializers.VarianceScaling(
        scale * stride**2, "fan_out", "truncated_normal", seed=parts.layer_seed(name)
    )
    options = {"kernel_size": 3 if stride == 1 else 2, "kernel_initializer": initializer, **options}
    layer = functools.partial(keras.layers.Conv2DTranspose, filters, padding="same", **options)
    x = parts.layer(layer, name, strides=stride)(x)
    odd = tuple((0, now - wanted) for now, wanted in zip(x.shape[1:3], size, strict=True))
    if not any(extra for _, extra in odd):
        return x
    return parts.layer(keras.layers.Cropping2D, f"{name}_crop", cropping=odd)(x)
