"""Flags of architectures."""

from robust_tf.config import kinds
from robust_tf.config.definitions.names import DENOISERS
from robust_tf.errors import InputError


def _refuse_odd(inner: int) -> None:
    if inner % 2:
        raise InputError("expected 0, 2 or 4")


kinds.name("network", None, "cnn-small, wrn-D-K, resnet-D, resnext-D-CxWd (by data set)")
kinds.choice("stem", None, ("imagenet", "small"), "a ResNet's first layers (by image size)")
kinds.choice(
    "activation", None, ("relu", "elu", "leaky_relu"), "activation (by network; elu with --fpd)"
)
kinds.choice(
    "head",
    None,
    ("linear", "tanh"),
    "the last layer; tanh squeezes the logits (linear; tanh with --fpd)",
)
kinds.choice("denoise", "none", ("none", *DENOISERS), "filter of paper 1's denoising blocks")
kinds.choice("denoise_at", "group", ("group", "block"), "denoising blocks after each of these")
kinds.choice(
    "fpd",
    None,
    ("none", "fd", "fd_r", "full"),
    "paper 2's Feature Pyramid Decoder around the network: front denoising alone, with "
    "restoration, or the whole of it (full for --method=fpd)",
)
kinds.choice("fpd_at", "shallow", ("shallow", "deep"), "where two inner denoising layers are")
kinds.count("fpd_inner", 2, "inner denoising layers of the decoder: 0, 2 or 4", high=4)
kinds.check("fpd_inner", _refuse_odd)
kinds.switch("fpd_bottleneck", False, "1x1 convolutions around the inner denoising")
kinds.choice(
    "fpd_clean",
    "middle",
    ("none", "average", "flip", "middle"),
    "how the restored image is cleaned before the second pass",
)
kinds.switch("sync_bn", False, "batch norm with the statistics of all replicas")
