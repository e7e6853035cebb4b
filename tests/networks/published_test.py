"""Tests of robust_tf.networks.published: which network a checkpoint's variables are of."""

import pytest

from robust_tf import networks
from robust_tf.errors import InputError
from robust_tf.interop.checkpoint_names import name_of
from robust_tf.networks import published, resnet
from robust_tf.networks.published import Architecture
from tests.manifests import manifest

PUBLISHED = {
    "R50": Architecture("resnet-50"),
    "R101": Architecture("resnet-101"),
    "R152": Architecture("resnet-152"),
    "R152-Denoise": Architecture("resnet-152", "embedded_gaussian", "group"),
    "X101-DenoiseAll": Architecture("resnext-101-32x8d", "dot", "block"),
}
DENOISED = Architecture("resnet-50", "embedded_gaussian", "group")
SHAPES = DENOISED.shapes(1000, 3)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_variables_of_the_released_checkpoints(name):
    assert PUBLISHED[name].shapes(1000, 3) == manifest(name)


@pytest.mark.parametrize(
    ("stem", "denoise", "at"),
    [
        ("imagenet", "none", "group"),
        ("small", "embedded_gaussian", "block"),
        ("imagenet", "dot", "block"),
        ("small", "mean", "group"),
    ],
)
def test_the_variables_are_those_of_our_networks(monkeypatch, stem, denoise, at):
    tiny = resnet.ResNet((1, 2), cardinality=32, group_width=4)
    monkeypatch.setitem(resnet.RESNETS, "resnext-50-32x4d", tiny)
    options = {"denoise": denoise, "denoise_at": at, "stem": stem}
    network = networks.build("resnext-50-32x4d", (16, 16, 1), 7, **options)
    ours = {
        name_of(layer.name, v.name): tuple(v.shape)
        for layer in network.layers
        for v in layer.variables
    }
    assert Architecture("resnext-50-32x4d", **options).shapes(7, 1) == ours


@pytest.mark.parametrize("network", resnet.RESNETS)
@pytest.mark.parametrize("denoise", ["none", "embedded_gaussian", "dot"])
@pytest.mark.parametrize("at", ["group", "block"])
def test_an_architecture_is_recognised_whole_or_damaged(network, denoise, at):
    one = Architecture(network, denoise, "group" if denoise == "none" else at)
    shapes = one.shapes(10, 3)
    assert published.recognised(shapes, 10, 3) == one
    published.fits("x.npz", shapes, one, 10, 3)
    del shapes["group3/block0/conv1/W"], shapes["conv0/bn/beta"]
    shapes["group0/block0/conv9/W"] = (1, 1, 64, 64)
    assert published.recognised(shapes, 10, 3) == one


def test_stems_are_recognised_whatever_the_classes():
    shapes = Architecture("resnet-50", stem="small").shapes(10, 1)
    assert published.recognised(shapes, 1000, 1) == Architecture("resnet-50", stem="small")


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("conv0/W", (7, 7, 4, 64)),
        ("conv0/W", (64, 3, 7, 7)),
        ("linear/W", (1000, 2048)),
        ("linear/b", (999,)),
    ],
)
def test_the_first_and_last_variable_are_held_to_what_is_asked(name, shape):
    right = SHAPES[name]
    with pytest.raises(InputError) as raised:
        published.fits("x.npz", {**SHAPES, name: shape}, DENOISED, 1000, 3)
    assert str(raised.value).splitlines()[1:] == [f"  {name} is {shape}, expected {right}"]


def test_a_wrong_architecture_is_named_with_the_right_one():
    with pytest.raises(InputError) as raised:
        published.fits("x.npz", SHAPES, Architecture("resnet-152"), 1000, 3)
    assert str(raised.value) == (
        "x.npz holds resnet-50 with --denoise=embedded_gaussian --denoise_at=group; "
        "expected flags that say so, not resnet-152 with --denoise=none."
    )


@pytest.mark.parametrize(
    "flags",
    [("resnet-50",), ("resnet-50", "dot"), ("resnet-50", "embedded_gaussian", "block")],
)
def test_other_denoising_is_a_wrong_architecture(flags):
    with pytest.raises(InputError, match="^x.npz holds resnet-50 with --denoise=embedded_gaus"):
        published.fits("x.npz", SHAPES, Architecture(*flags), 1000, 3)


def test_the_kind_of_a_filter_without_weights_is_the_users_word():
    shapes = Architecture("resnet-50", "dot", "block").shapes(1000, 3)
    published.fits("x.npz", shapes, Architecture("resnet-50", "gaussian", "block"), 1000, 3)


def test_what_is_missing_extra_and_of_another_shape_is_listed():
    damaged = {**SHAPES, "conv1/W": (1, 1, 3, 3), "group0/block0/conv2/W": (3, 3, 64, 32)}
    del damaged["linear/b"]
    with pytest.raises(InputError) as raised:
        published.fits("x.npz", damaged, DENOISED, 1000, 3)
    assert str(raised.value).splitlines() == [
        "x.npz does not fill resnet-50 with --denoise=embedded_gaussian --denoise_at=group; "
        "expected its variables and no others:",
        "  linear/b is missing",
        "  conv1/W is extra",
        "  group0/block0/conv2/W is (3, 3, 64, 32), expected (3, 3, 64, 64)",
    ]


def test_another_programs_file_is_of_no_architecture():
    other = {"dense/kernel": (2, 2), "linear/b": (10,)}
    assert published.recognised(other, 1000, 3) is None
    with pytest.raises(InputError, match="conv0/W is missing\n(.*\n)*  dense/kernel is extra"):
        published.fits("x.npz", other, DENOISED, 1000, 3)


def test_a_network_that_was_never_published_is_refused():
    with pytest.raises(InputError, match="--network=wrn-28-10 is unknown"):
        Architecture("wrn-28-10")


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
