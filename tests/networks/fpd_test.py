"""The Feature Pyramid Decoder: sizes, places, one set of weights, gradients through both passes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from robust_tf import networks
from robust_tf.errors import InputError
from robust_tf.networks import FPD, resnet
from robust_tf.networks.fpd import restorer

SHAPE = (8, 8, 1)


def _images(shape=SHAPE, count: int = 2) -> np.ndarray:
    """On a grid: adding a power of two to them rounds nothing in float32."""
    levels = np.random.default_rng(0).integers(0, 256, (count, *shape))
    return (levels / 256).astype(np.float32)


def _build(shape=SHAPE, name: str = "wrn-10-1", dtype: str = "float32", **options) -> keras.Model:
    return networks.build(
        name, shape, 10, activation="elu", head="tanh", dtype=dtype, fpd=FPD(**options)
    )


def _values(network: keras.Model, *names: str) -> list[np.ndarray]:
    got = networks.outputs(network, names)(_images(network.input_shape[1:]))
    return [got[name].numpy() for name in names]


@pytest.mark.parametrize("size", [(8, 8), (9, 9), (15, 15), (32, 32), (33, 33), (9, 14)])
def test_a_wide_resnet_restores_images_of_its_size(size):
    network = _build((*size, 3))
    restored, logits = _values(network, "restored", "logits")
    assert restored.shape == (2, *size, 3) and logits.shape == (2, 10)
    assert np.isfinite(restored).all() and np.isfinite(logits).all()


@pytest.mark.parametrize("stem", resnet.STEMS)
@pytest.mark.parametrize("size", [(8, 8), (33, 33), (35, 18), (64, 64)])
def test_a_resnet_restores_images_of_its_size(size, stem, monkeypatch):
    monkeypatch.setitem(resnet.RESNETS, "resnet-50", resnet.ResNet((1, 1, 1, 1)))
    network = networks.build("resnet-50", (*size, 3), 10, stem=stem, fpd=FPD())
    strides = [network.get_layer(f"transposed{i}").strides[0] for i in range(3)]
    assert strides == ([2, 2, 1] if stem == "imagenet" else [1, 1, 1])
    assert network.get_layer("restored").output.shape == (None, *size, 3)
    assert network.get_layer("smoothed").filters == 256


@pytest.mark.parametrize("clean", ["middle", "average"])
def test_gradients_go_through_both_passes(clean):
    """d logits / d x beside differences, of fourth order in steps that float32 holds exactly."""
    network = _build(dtype="float64", clean=clean, inner=4)
    rng = np.random.default_rng(1)
    x, towards = tf.constant(_images(count=1)), rng.normal(size=(1, 10))
    directions = rng.choice([-1.0, 1.0], (3, *x.shape)).astype(np.float32)

    def f(x):
        return tf.reduce_sum(network(x, training=False) * towards)

    def difference(v, h):
        return float(f(x + h * v) - f(x - h * v)) / (2 * h)

    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    gradient = tape.gradient(y, x).numpy().astype(np.float64)
    slopes = [(4 * difference(v, 2**-16) - difference(v, 2**-15)) / 3 for v in directions]
    expected = [float((gradient * v).sum()) for v in directions]
    np.testing.assert_allclose(slopes, expected, rtol=1e-6, atol=1e-7 * np.abs(gradient).sum())

    held = _gradient_of_the_second_pass(network, towards)
    if clean == "average":
        held /= 2
    assert np.abs(gradient - held).max() > 0.1 * np.abs(gradient).max()


def _gradient_of_the_second_pass(network: keras.Model, towards: np.ndarray) -> np.ndarray:
    """With respect to the cleaned image: what is left where the restored one is held constant."""
    second = keras.Model(network.get_layer("cleaned").output, network.output)
    cleaned = networks.outputs(network, ["cleaned"])(_images(count=1))["cleaned"]
    with tf.GradientTape() as tape:
        tape.watch(cleaned)
        y = tf.reduce_sum(second(cleaned, training=False) * towards)
    return tape.gradient(y, cleaned).numpy()


def test_the_middle_layer_sees_the_restored_image_alone_and_unbounded():
    network = _build((5, 7, 3))
    network.get_layer("transposed2").bias.assign([3.0, -2.0, 0.5])
    restored, cleaned = _values(network, "restored", "cleaned")
    assert restored[..., 0].min() > 1 and restored[..., 1].max() < 0
    r = restored.astype(np.float64).reshape(2, 35, 3)
    expected = r + (r @ r.transpose(0, 2, 1)) @ r / 35
    np.testing.assert_allclose(cleaned.reshape(2, 35, 3), expected, rtol=1e-4, atol=1e-5)


def test_other_ways_of_cleaning():
    x = _images()
    restored, average = _values(_build(clean="average"), "restored", "cleaned")
    np.testing.assert_allclose(average, (x + restored) / 2, rtol=1e-6)
    restored, flipped = _values(_build(clean="flip"), "restored", "cleaned")
    np.testing.assert_array_equal(flipped, restored[:, :, ::-1])
    assert "cleaned" not in {layer.name for layer in _build(clean="none").layers}


@pytest.mark.parametrize(
    ("options", "places"),
    [
        ({"inner": 0}, []),
        ({}, [0, 1]),
        ({"at": "deep"}, [2, 3]),
        ({"inner": 4}, [0, 1, 2, 3]),
        ({"inner": 4, "at": "deep"}, [0, 1, 2, 3]),
        ({"bottleneck": True}, [0, 1]),
    ],
)
def test_inner_layers_are_where_they_are_asked_for(options, places):
    network = _build(parts="fd", **options)
    names = {layer.name for layer in network.layers}
    assert [place for place in range(4) if f"inner{place}_add" in names] == places
    before = ["conv0", "group0", "group1", "group2"]
    for place in places:
        x, y = network.get_layer(f"inner{place}_add").input
        assert x is network.get_layer(before[place]).output
        last = f"inner{place}_expand" if options.get("bottleneck") else f"inner{place}"
        assert y is network.get_layer(last).output


def test_an_inner_layer_is_the_dot_product_and_a_residual():
    network = _build(parts="fd", bottleneck=True)
    x, y, z = _values(network, "conv0", "inner0", "inner0_add")
    reduce, expand = (network.get_layer(f"inner0_{n}").kernel.numpy() for n in ("reduce", "expand"))
    assert reduce.shape == (1, 1, 16, 8) and expand.shape == (1, 1, 8, 16)
    half = x.reshape(2, 64, 16) @ reduce[0, 0]
    dot = half @ half.transpose(0, 2, 1) @ half / 64
    np.testing.assert_allclose(y.reshape(2, 64, 8), dot, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        z.reshape(2, 64, 16), x.reshape(2, 64, 16) + dot @ expand[0, 0], atol=1e-5
    )
    without = _build(parts="fd")
    x, z = _values(without, "conv0", "inner0_add")
    x = x.reshape(2, 64, 16)
    np.testing.assert_allclose(
        z.reshape(2, 64, 16), x + x @ x.transpose(0, 2, 1) @ x / 64, rtol=1e-4, atol=1e-6
    )


def test_restoration_taps_the_groups_before_the_inner_layers():
    network = _build(inner=4)
    for group in range(3):
        tap = network.get_layer(f"group{group}").output
        assert network.get_layer(f"lateral{group}").input is tap
        assert network.get_layer(f"inner{group + 1}_add").input[0] is tap
    inner = network.get_layer("inner1_add").output
    assert network.get_layer("group1_block0_bn1").input is inner
    # Coarser maps are added to finer ones.
    assert network.get_layer("fused0").input[0] is network.get_layer("lateral0").output
    assert network.get_layer("fused0").input[1] is network.get_layer("upsampled0").output
    assert network.get_layer("smoothed").input is network.get_layer("fused0").output


def test_both_passes_have_one_set_of_weights():
    full, fd_r, fd = (_build(parts=parts) for parts in ("full", "fd_r", "fd"))
    assert full.count_params() == fd_r.count_params() > fd.count_params()
    plain = networks.build("wrn-10-1", SHAPE, 10)
    # Inner layers have no weights of their own.
    assert fd.count_params() == plain.count_params()
    assert len({v.path for v in full.variables}) == len(full.variables)


def test_the_classifier_sees_the_restored_image_in_full_alone():
    for parts, depends in (("fd_r", False), ("full", True)):
        network = _build(parts=parts)
        before = network(_images()).numpy()
        network.get_layer("transposed2").bias.assign([1.0])
        assert np.array_equal(network(_images()), before) != depends


def test_elu_everywhere():
    network = _build((16, 16, 1))
    kinds = [type(layer) for layer in network.layers]
    assert keras.layers.ReLU not in kinds and keras.layers.LeakyReLU not in kinds
    for name in ("act_last", "transposed0_act", "transposed1_act"):
        assert isinstance(network.get_layer(name), keras.layers.ELU)
    # None after the last: the image is linear.
    assert network.get_layer("restored").input is network.get_layer("transposed2").output


@pytest.mark.parametrize("options", [{}, {"clean": "flip", "bottleneck": True}, {"parts": "fd_r"}])
def test_restored_is_an_output_by_name_also_after_save_and_load(options, tmp_path):
    network = _build(**options)
    network.save(tmp_path / "network.keras")
    loaded = networks.load(tmp_path / "network.keras")
    for mine, theirs in zip(
        _values(network, "logits", "restored"), _values(loaded, "logits", "restored"), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)
    assert len(loaded.variables) == len(network.variables)
    twin = networks.load(tmp_path / "network.keras", dtype="float64")
    assert _values(twin, "restored")[0].dtype == np.float64
    np.testing.assert_allclose(_values(twin, "logits")[0], _values(network, "logits")[0], atol=1e-5)


@pytest.mark.parametrize(
    ("dtype", "full"), [("mixed_bfloat16", np.float32), ("float64", np.float64)]
)
def test_images_and_logits_are_never_reduced(dtype, full):
    network = _build((9, 9, 1), dtype=dtype)
    values = _values(network, "logits", "restored", "cleaned")
    assert [value.dtype for value in values] == [full] * 3
    assert network.get_layer("smoothed").compute_dtype == dtype.removeprefix("mixed_")
    assert all(np.isfinite(value).all() for value in values)


def test_the_restorer_has_front_and_restoration():
    network = _build()
    names = {v.path.split("/")[0] for v in restorer(network).variables}
    outside = {v.path.split("/")[0] for v in network.variables} - names
    assert outside == {"bn_last", "before_squeeze"}
    np.testing.assert_array_equal(restorer(network)(_images()), _values(network, "restored")[0])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"parts": "whole"}, "^--fpd=whole is unknown; expected one of fd, fd_r, full.$"),
        ({"at": "shalow"}, "^--fpd_at=shalow is unknown; did you mean shallow"),
        ({"clean": "blur"}, "^--fpd_clean=blur is unknown; expected one of none, average, flip"),
        ({"inner": 3}, "^--fpd_inner=3 is unknown; expected 0, 2 or 4.$"),
    ],
)
def test_what_there_is_not_is_refused(options, sentence):
    with pytest.raises(InputError, match=sentence):
        FPD(**options)


def test_a_network_without_blocks_is_refused():
    with pytest.raises(InputError, match="^--fpd needs a network of blocks; expected --network"):
        _build(name="cnn-small")


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
