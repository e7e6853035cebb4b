"""Named outputs of a network."""

import numpy as np
import pytest

from robust_tf import networks
from robust_tf.errors import InputError

SHAPE = (8, 8, 1)
X = np.random.default_rng(0).random((2, *SHAPE), dtype="float32")


def test_gives_logits_and_named_layers():
    network = networks.build("wrn-10-1", SHAPE, 10)
    tapped = networks.outputs(network, ["group0", "group2"])
    got = tapped(X)
    assert set(got) == {"logits", "group0", "group2"}
    np.testing.assert_array_equal(got["logits"], network(X))
    assert got["group2"].shape == (2, 2, 2, 64)
    assert set(networks.outputs(network, [])(X)) == {"logits"}


def test_shares_its_weights_with_the_network():
    network = networks.build("cnn-small", SHAPE, 10)
    tapped = networks.outputs(network, ["group1"])
    network.get_layer("logits").bias.assign(np.arange(10.0))
    np.testing.assert_array_equal(tapped(X)["logits"], network(X))


def test_groups_lead_to_the_logits_before_the_next_batch_norm():
    network = networks.build("wrn-10-1", SHAPE, 10)
    assert network.get_layer("group0").input is network.get_layer("group0_block0_add").output
    assert network.get_layer("group1_block0_bn1").input is network.get_layer("group0").output
    assert network.get_layer("bn_last").input is network.get_layer("group2").output


def test_unknown_name_gets_the_valid_ones():
    network = networks.build("cnn-small", SHAPE, 10, head="tanh")
    with pytest.raises(InputError, match="no layer group9; expected group0, group1, before_squee"):
        networks.outputs(network, ["group0", "group9"])


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
