"""What every network has in common: names, options, precision, seeds, refusals."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from robust_tf import networks
from robust_tf.errors import InputError

DIGITS = (8, 8, 1)
TINY = ("cnn-small", "wrn-10-1", "wrn-8-2")


def count(network: keras.Model) -> int:
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


def images(shape: tuple[int, ...] = DIGITS) -> np.ndarray:
    return np.random.default_rng(0).random((2, *shape), dtype="float32")


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("shape", [DIGITS, (13, 9, 3)])
def test_maps_images_to_logits(name, shape):
    network = networks.build(name, shape, 10)
    logits = network(images(shape)).numpy()
    assert logits.shape == (2, 10) and np.isfinite(logits).all() and logits.std() > 0
    assert network.name == name
    assert network.layers[-1].name == "logits"
    assert not [layer.name for layer in network.layers if "/" in layer.name]


def test_first_layer_maps_images_to_plus_minus_one():
    network = networks.build("wrn-10-1", DIGITS, 10)
    x = np.linspace(0, 1, 64, dtype="float32").reshape(1, 8, 8, 1)
    rescaled = networks.outputs(network, ["rescale"])(x)["rescale"]
    np.testing.assert_allclose(rescaled, 2 * x - 1, atol=1e-7)


@pytest.mark.parametrize("name", TINY)
def test_seed_alone_decides_the_weights(name):
    first = networks.build(name, DIGITS, 10, seed=3).get_weights()
    networks.build("cnn-small", DIGITS, 4)
    again = networks.build(name, DIGITS, 10, seed=3).get_weights()
    other = networks.build(name, DIGITS, 10, seed=4).get_weights()
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(first, other, strict=True))


def test_layers_of_one_shape_start_differently():
    network = networks.build("wrn-16-1", DIGITS, 10)
    kernels = [network.get_layer(f"group0_block1_conv{i}").kernel.numpy() for i in (1, 2)]
    assert kernels[0].shape == kernels[1].shape and (kernels[0] != kernels[1]).all()


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize(
    ("dtype", "compute", "variables", "logits"),
    [
        ("float32", "float32", "float32", "float32"),
        ("float64", "float64", "float64", "float64"),
        ("mixed_float16", "float16", "float32", "float32"),
        ("mixed_bfloat16", "bfloat16", "float32", "float32"),
    ],
)
def test_precision(name, dtype, compute, variables, logits):
    network = networks.build(name, DIGITS, 10, dtype=dtype)
    got = networks.outputs(network, ["rescale", "group0"])(images())
    assert keras.config.dtype_policy().name == "float32"
    assert got["logits"].dtype == got["rescale"].dtype == logits
    assert got["group0"].dtype == compute
    assert {weight.dtype for weight in network.weights} == {variables}
    assert network.input.dtype == "float32"


def test_tanh_squeezes_the_logits():
    network = networks.build("cnn-small", DIGITS, 10, head="tanh")
    got = networks.outputs(network, ["before_squeeze"])(images())
    np.testing.assert_allclose(got["logits"], np.tanh(got["before_squeeze"]), atol=1e-6)
    linear = networks.build("cnn-small", DIGITS, 10)
    np.testing.assert_allclose(linear(images()), got["before_squeeze"], atol=1e-6)


def test_tanh_keeps_its_gradient_under_reduced_precision():
    network = networks.build("cnn-small", DIGITS, 2, head="tanh", dtype="mixed_bfloat16")
    before = network.get_layer("before_squeeze")
    # In bfloat16 the gradient would be exactly 0 here.
    before.set_weights([np.zeros((256, 2)), np.full(2, 5.0)])
    with tf.GradientTape() as tape:
        logits = tf.reduce_sum(network(images()[:1]))
    gradient = tape.gradient(logits, before.bias.value)
    np.testing.assert_allclose(gradient, 1 - np.tanh(5.0) ** 2, rtol=1e-2)


@pytest.mark.parametrize(
    ("activation", "below_zero"), [("relu", 0.0), ("elu", np.expm1(-1)), ("leaky_relu", -0.1)]
)
def test_activation_is_used_everywhere(activation, below_zero):
    network = networks.build("wrn-10-1", DIGITS, 10, activation=activation)
    layers = [layer for layer in network.layers if "act" in layer.name]
    assert len(layers) == 7
    for layer in layers:
        assert float(layer(np.float32([[-1.0]]))[0, 0]) == pytest.approx(below_zero)


def test_batch_norm_follows_sync_bn_and_the_recipe():
    for sync_bn in (False, True):
        network = networks.build("wrn-10-1", DIGITS, 10, sync_bn=sync_bn)
        norms = [n for n in network.layers if isinstance(n, keras.layers.BatchNormalization)]
        assert len(norms) == 7
        options = {(n.momentum, n.epsilon, n.synchronized) for n in norms}
        assert options == {(0.9, 1e-5, sync_bn)}


def test_a_resnets_batch_norm_has_the_published_networks_epsilon():
    network = networks.build("resnet-50", (32, 32, 3), 10)
    norms = [n for n in network.layers if isinstance(n, keras.layers.BatchNormalization)]
    assert {n.epsilon for n in norms} == {1.001e-5}


def test_kernels_carry_no_regularizer():
    network = networks.build("wrn-10-1", DIGITS, 10)
    network(images())
    assert network.losses == []
    assert sum(weight.name == "kernel" for weight in network.trainable_weights) == 1 + 3 * 2 + 2 + 1


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("resnet50", {}, "--network=resnet50 is unknown; did you mean resnet-50?"),
        ("wrn-28", {}, "--network=wrn-28 is unknown; did you mean wrn-28-10?"),
        ("vgg", {}, "--network=vgg is unknown; expected one of cnn-small, "),
        ("wrn-10-1", {"activation": "rely"}, "--activation=rely is unknown; did you mean relu?"),
        ("wrn-10-1", {"head": "tan"}, "--head=tan is unknown; did you mean tanh?"),
        ("wrn-10-1", {"dtype": "float16"}, "--precision=float16 is unknown; did you mean "),
        ("resnet-50", {"stem": "smal"}, "--stem=smal is unknown; did you mean small?"),
        ("wrn-10-1", {"stem": "small"}, "--stem=small does not apply to --network=wrn-10-1;"),
        ("cnn-small", {"stem": "small"}, "--stem=small does not apply to --network=cnn-small;"),
    ],
)
def test_bad_names_get_a_sentence(name, options, sentence):
    with pytest.raises(InputError) as refusal:
        networks.build(name, (32, 32, 3), 10, **options)
    assert str(refusal.value).startswith(sentence)


@pytest.mark.parametrize(
    ("shape", "classes", "sentence"),
    [
        ((28, 28), 10, "images of shape (28, 28); expected height, width and channels"),
        ((28, 0, 1), 10, "images of shape (28, 0, 1);"),
        (DIGITS, 1, "cannot tell 1 classes apart; expected 2 or more"),
    ],
)
def test_bad_shapes_get_a_sentence(shape, classes, sentence):
    with pytest.raises(InputError) as refusal:
        networks.build("cnn-small", shape, classes)
    assert sentence in str(refusal.value)


def test_small_cnn_has_the_known_shape():
    network = networks.build("cnn-small", (28, 28, 1), 10)
    convolutions = (16 + 1) * 32 + (16 * 32 + 1) * 64
    assert count(network) == convolutions + (7 * 7 * 64 + 1) * 256 + (256 + 1) * 10
    assert len(network.non_trainable_weights) == 0
    got = networks.outputs(network, ["group0", "group1"])(images((28, 28, 1)))
    assert got["group0"].shape == (2, 14, 14, 32) and got["group1"].shape == (2, 7, 7, 64)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
