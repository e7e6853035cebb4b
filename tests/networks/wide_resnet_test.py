"""Wide residual networks: the known sizes, both forms' shortcuts, refused depths."""

import keras
import numpy as np
import pytest

from robust_tf import networks
from robust_tf.errors import InputError
from robust_tf.networks import wide_resnet

SHAPE = (8, 8, 3)
X = np.random.default_rng(0).random((2, *SHAPE), dtype="float32")


def with_silent_branches(name: str) -> keras.Model:
    """A network whose residual branches are all zero, so that only its shortcuts speak."""
    network = networks.build(name, SHAPE, 10)
    for layer in network.layers:
        if layer.name.endswith("conv2"):
            layer.set_weights([np.zeros(layer.kernel.shape)])
    return network


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("wrn-28-10", 36_479_194), ("wrn-34-10", 46_160_474), ("wrn-32-10", 45_901_914)],
)
def test_parameter_counts(name, parameters):
    network = networks.build(name, (32, 32, 3), 10)
    assert sum(int(np.prod(w.shape)) for w in network.trainable_weights) == parameters


@pytest.mark.parametrize(
    ("name", "blocks", "madry", "activation"),
    [
        ("wrn-40-2", 6, False, "relu"),
        ("wrn-10-1", 1, False, "relu"),
        ("wrn-32-10", 5, True, "leaky_relu"),
        ("wrn-8-1", 1, True, "leaky_relu"),
    ],
)
def test_names(name, blocks, madry, activation):
    network = wide_resnet.parse(name)
    assert network == wide_resnet.WideResNet(blocks, int(name.split("-")[2]), madry)
    assert network.default_activation == activation


@pytest.mark.parametrize(
    ("depth", "nearest"), [(29, 28), (31, 32), (30, 28), (33, 32), (12, 10), (1, 8), (7, 8)]
)
def test_another_depth_is_refused(depth, nearest):
    with pytest.raises(InputError, match=f"^--network=wrn-{depth}-4 .* is wrn-{nearest}-4.$"):
        networks.build(f"wrn-{depth}-4", SHAPE, 10)


def test_groups_shrink_and_widen():
    names = ["group0", "group1", "group2"]
    for name in ("wrn-10-2", "wrn-14-2"):
        got = networks.outputs(networks.build(name, SHAPE, 10), names)(X)
        shapes = [tuple(got[n].shape[1:]) for n in names]
        assert shapes == [(8, 8, 32), (4, 4, 64), (2, 2, 128)]


def test_shortcut_is_the_input_or_a_convolution_of_the_activated_input():
    network = with_silent_branches("wrn-16-1")
    names = ["conv0", "group0", "group1_block0_act1", "group1"]
    got = networks.outputs(network, names)(X)
    # Nothing changes its shape in the first group: not even an activation lies on the way.
    np.testing.assert_array_equal(got["group0"], got["conv0"])
    kernel = network.get_layer("group1_block0_shortcut").kernel
    want = got["group1_block0_act1"].numpy()[:, ::2, ::2] @ kernel.numpy()[0, 0]
    np.testing.assert_allclose(got["group1"], want, atol=1e-5)


def test_shortcuts_of_madrys_form_have_no_weights():
    network = with_silent_branches("wrn-14-2")
    assert not [w.path for w in network.weights if "shortcut" in w.path]
    got = networks.outputs(network, ["conv0", "group0", "group1"])(X)
    normed = got["conv0"].numpy() / np.sqrt(1 + 1e-5)
    activated = np.where(normed > 0, normed, 0.1 * normed)
    padding = ((0, 0), (0, 0), (0, 0), (8, 8))
    np.testing.assert_allclose(got["group0"], np.pad(activated, padding), atol=1e-6)
    pooled = got["group0"].numpy().reshape(2, 4, 2, 4, 2, 32).mean((2, 4))
    padding = ((0, 0), (0, 0), (0, 0), (16, 16))
    np.testing.assert_allclose(got["group1"], np.pad(pooled, padding), atol=1e-6)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
