"""Imported weights make our networks compute what the published ones do, and go back to the bit."""

import keras
import numpy as np
import pytest

from robust_tf import networks
from robust_tf.errors import InputError
from robust_tf.networks import FPD, exchange, resnet
from robust_tf.networks.published import Architecture
from tests.networks import public_graph

# Noise, of which each channel and each place differs from the others.
BGR = np.random.default_rng(3).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
RGB = BGR[..., ::-1].astype(np.float32) / 255


@pytest.fixture(
    scope="module",
    params=[
        Architecture("resnet-50", "embedded_gaussian", "group"),
        Architecture("resnext-101-32x8d", "dot", "block"),
    ],
    ids=str,
)
def pair(request):
    """Weights by their published names, and our network for them; few blocks, the real widths."""
    one = request.param
    full = resnet.RESNETS[one.network]
    few = resnet.ResNet((1, 2, 1), full.cardinality, full.group_width)
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(resnet.RESNETS, one.network, few)
        shapes = one.shapes(10, 3)
        options = {"denoise": one.denoise, "denoise_at": one.denoise_at, "stem": "imagenet"}
        network = networks.build(one.network, RGB.shape[1:], 10, **options)
        yield public_graph.filled(shapes), network


def logits(network: keras.Model) -> np.ndarray:
    """What it says of our images."""
    return network(RGB, training=False).numpy()


def apart(a: np.ndarray, b: np.ndarray) -> float:
    """Relative distance."""
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def test_logits_are_those_of_the_published_graph(pair):
    variables, network = pair
    exchange.fill(network, variables)
    expected = public_graph.logits(variables, BGR)
    assert apart(logits(network), expected) < 1e-5
    # Otherwise a kernel that is not turned would not be seen.
    assert apart(public_graph.logits(variables, BGR[..., ::-1]), expected) > 1e-2


def test_no_two_variables_of_one_shape_may_change_places(pair):
    variables, network = pair
    exchange.fill(network, variables)
    before, by_shape = logits(network), {}
    for name in variables:
        by_shape.setdefault(variables[name].shape, []).append(name)
    pairs = [(names[0], names[-1]) for names in by_shape.values() if len(names) > 1]
    assert len(pairs) > 10
    for first, last in pairs:
        swapped = {first: variables[last], last: variables[first]}
        exchange.fill(network, variables | swapped)
        assert apart(logits(network), before) > 1e-4, (first, last)


def test_weights_come_back_to_the_bit(pair):
    variables, network = pair
    exchange.fill(network, variables)
    found = exchange.weights(network)
    assert found.keys() == variables.keys()
    for name, values in variables.items():
        assert found[name].tobytes() == values.tobytes(), name


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("resnet-50", {"head": "tanh"}, "has the layer before_squeeze"),
        ("resnet-50", {"fpd": FPD("fd")}, "has the layer inner0"),
        ("resnet-50", {"denoise": "concatenation"}, "has the variable group0_denoise/w_f"),
        ("wrn-10-1", {}, "wrn-10-1 has the layer bn_last"),
        ("cnn-small", {}, "cnn-small has the variable group0_conv/kernel"),
    ],
)
def test_what_was_never_published_is_refused(monkeypatch, name, options, sentence):
    monkeypatch.setitem(resnet.RESNETS, "resnet-50", resnet.ResNet((1, 1)))
    network = networks.build(name, (32, 32, 3), 10, **options)
    with pytest.raises(InputError, match=f"{sentence}, as no published"):
        exchange.weights(network)


def test_the_networks_blocks_must_be_those_of_a_known_one(monkeypatch):
    with monkeypatch.context() as patched:
        patched.setitem(resnet.RESNETS, "resnet-50", resnet.ResNet((1, 1)))
        network = networks.build("resnet-50", (32, 32, 3), 10)
    with pytest.raises(InputError, match="resnet-50 does not fill resnet-50 with --denoise=none"):
        exchange.weights(network)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
