"""Tests of robust_tf.interop.checkpoint_names: a name for each variable, training's own told."""

import pytest

from robust_tf.interop.checkpoint_names import is_of_training, name_of
from tests.manifests import manifest


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("conv0/W", ("conv0", "kernel")),
        ("conv0/bn/gamma", ("bn0", "gamma")),
        ("group0/block2/conv3/W", ("group0_block2_conv3", "kernel")),
        ("group2/block22/conv1/bn/mean/EMA", ("group2_block22_bn1", "moving_mean")),
        ("group1/block0/convshortcut/W", ("group1_block0_shortcut", "kernel")),
        (
            "group1/block0/convshortcut/bn/variance/EMA",
            ("group1_block0_shortcut_bn", "moving_variance"),
        ),
        ("group3_denoise/embedding_theta/W", ("group3_denoise", "theta")),
        ("group3_denoise/embedding_phi/W", ("group3_denoise", "phi")),
        ("group3_denoise/conv/W", ("group3_denoise_conv", "kernel")),
        ("group3_denoise/conv/bn/beta", ("group3_denoise_bn", "beta")),
        ("group0/block1/non_local/embedding_phi/W", ("group0_block1_denoise", "phi")),
        ("group0/block1/non_local/conv/W", ("group0_block1_denoise_conv", "kernel")),
        ("group0/block1/non_local/conv/bn/beta", ("group0_block1_denoise_bn", "beta")),
        ("linear/W", ("logits", "kernel")),
        ("linear/b", ("logits", "bias")),
    ],
)
def test_names(name, place):
    assert name_of(*place) == name


@pytest.mark.parametrize(
    ("layer", "variable"),
    [("logits", "gamma"), ("before_squeeze", "kernel"), ("group0_denoise", "w_f"), ("", "")],
)
def test_what_the_published_networks_do_not_have_has_no_name(layer, variable):
    assert name_of(layer, variable) is None


@pytest.mark.parametrize(
    "name",
    [
        "learning_rate:0",
        "global_step:0",
        "beta1_power",
        "EMA/cross_entropy_loss/biased",
        "tower0/EMA/loss/local_step:0",
        "conv0/W/Momentum:0",
        "group0/block0/conv1/bn/gamma/Adam_1",
        "apply_gradients/AccumGrad/conv0/W",
        "opt/learning_rate:0",
        "training/global_step",
        "linear/W/ExponentialMovingAverage",
    ],
)
def test_what_training_leaves_is_told(name):
    assert is_of_training(name)


@pytest.mark.parametrize(
    "name", ["conv0/bn/mean/EMA", "conv0/bn/variance/EMA:0", "conv0/W", "linear/bias", "Momentum"]
)
def test_weights_and_strangers_are_not_of_training(name):
    assert not is_of_training(name)


@pytest.mark.parametrize("name", ["R50", "R101", "R152", "R152-Denoise", "X101-DenoiseAll"])
def test_no_published_weight_is_of_training(name):
    assert not any(map(is_of_training, manifest(name)))


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
