"""Builds a network from its name: build("wrn-28-10", (32, 32, 3), classes=10)."""

import dataclasses
from collections.abc import Sequence

import keras
from keras import KerasTensor

from robust_tf import errors
from robust_tf.layers import DENOISERS
from robust_tf.networks import cnn, resnet, wide_resnet
from robust_tf.networks.fpd import FPD
from robust_tf.networks.parts import ACTIVATIONS, DENOISE_AT, HEADS, Parts

DTYPES = ("float32", "float64", "mixed_float16", "mixed_bfloat16")
# Any wrn-DEPTH-WIDTH is valid; these are the ones that a wrong name is compared with.
KNOWN_WIDE = ("wrn-28-10", "wrn-34-10", "wrn-32-10", "wrn-40-2", "wrn-16-2", "wrn-10-1")

Body = cnn.SmallCNN | wide_resnet.WideResNet | resnet.ResNet


def build(
    name: str,
    input_shape: Sequence[int],
    classes: int,
    *,
    activation: str | None = None,
    head: str = "linear",
    stem: str | None = None,
    denoise: str = "none",
    denoise_at: str = "group",
    fpd: FPD | None = None,
    sync_bn: bool = False,
    dtype: str = "float32",
    seed: int = 0,
) -> keras.Model:
    """Returns a network from float32 images in [0, 1] to logits.

    The layers "group0", "group1", ... hold the groups' outputs and "logits" the logits; its first
    layer maps the images to [-1, 1].

    Args:
      name: cnn-small, wrn-DEPTH-WIDTH, or a name in resnet.RESNETS.
      input_shape: height, width, channels.
      classes: how many.
      activation: relu, elu or leaky_relu (slope 0.1); None takes the one that the network is
        known with.
      head: linear, or tanh: its logits lie in (-1, 1), what it squeezes is "before_squeeze".
      stem: of a ResNet, imagenet or small; None chooses by the images' size.
      denoise: filter of paper 1's denoising blocks, one of layers.DENOISERS, or none.
      denoise_at: where they are, after each "group" (its output is then the denoised one) or
        after each "block".
      fpd: what of paper 2's decoder is put around the network; the layer "restored" then holds the
        image that it restores.
      sync_bn: whether batch norm takes its statistics over all replicas.
      dtype: the policy of the layers; the logits stay float32, or float64 under float64.
      seed: the same name, shape and seed give the same initial weights.
    """
    _check_shape(input_shape, classes)
    body = _body(name, stem, input_shape)
    activation = activation or body.default_activation
    for flag, value, known in (
        ("--activation", activation, ACTIVATIONS),
        ("--head", head, HEADS),
        ("--precision", dtype, DTYPES),
        ("--denoise", denoise, ("none", *DENOISERS)),
        ("--denoise_at", denoise_at, DENOISE_AT),
    ):
        if value not in known:
            raise errors.unknown(flag, value, known)
    parts = Parts(activation, sync_bn, dtype, seed, denoise, denoise_at, body.norm_epsilon)
    images = keras.Input(tuple(input_shape), name="images", dtype="float32")
    x = fpd.features(body, parts, images) if fpd else _features(body, parts, images)
    initializer = body.head_initializer(parts.layer_seed("logits"))
    logits = parts.head(x, head, classes, initializer)
    return keras.Model(images, logits, name=name)


def _features(body: Body, parts: Parts, images: KerasTensor) -> KerasTensor:
    x = body.stem(parts, parts.rescale(images))
    for group in range(body.groups):
        x = parts.group(body.group(parts, x, group), group)
    return body.pool(parts, x)


def _check_shape(input_shape: Sequence[int], classes: int) -> None:
    if len(input_shape) != 3 or not all(isinstance(n, int) and n > 0 for n in input_shape):
        raise errors.InputError(
            f"A network cannot take images of shape {tuple(input_shape)}; "
            "expected height, width and channels, each 1 or more."
        )
    if classes < 2:
        raise errors.InputError(
            f"A network cannot tell {classes} classes apart; expected 2 or more."
        )


def _body(name: str, stem: str | None, input_shape: Sequence[int]) -> Body:
    if name in resnet.RESNETS:
        small = min(input_shape[:2]) < resnet.SMALL_BELOW
        stem = stem or ("small" if small else "imagenet")
        if stem not in resnet.STEMS:
            raise errors.unknown("--stem", stem, resnet.STEMS)
        return dataclasses.replace(resnet.RESNETS[name], stem_kind=stem)
    body = cnn.SmallCNN() if name == "cnn-small" else wide_resnet.parse(name)
    if body is None:
        raise errors.unknown("--network", name, ["cnn-small", *KNOWN_WIDE, *resnet.RESNETS])
    if stem:
        raise errors.InputError(
            f"--stem={stem} does not apply to --network={name}; expected a ResNet or ResNeXt."
        )
    return body
