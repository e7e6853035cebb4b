"""Tests of TRADES: equation 6 and its gradient by NumPy, and the standard training within it."""

import numpy as np
import pytest

from robust_tf.methods.standard import Standard
from robust_tf.methods.trades import TRADES
from tests.methods import two_layer
from tests.methods.two_layer import (
    BATCH,
    LABEL,
    LINEAR,
    NETWORKS,
    SEEDS,
    TWO_LAYERS,
    X,
    kl_attack,
    moved,
    trained,
)


def _hits(z: np.ndarray) -> float:
    return (z.argmax(axis=1) == LABEL).mean()


@pytest.mark.parametrize(
    ("name", "graph"), [("linear", False), ("two layers", False), ("two layers", True)]
)
@pytest.mark.parametrize(("lam", "smoothing"), [(6.0, 0.0), (6.0, 0.1), (0.5, 0.0)])
def test_loss_and_gradients_equal_numpy(name, lam, smoothing, graph):
    layers = NETWORKS[name]
    network = two_layer.network(layers)
    method = TRADES(network, attack=kl_attack(), lam=lam, label_smoothing=smoothing)
    # The attack is told nothing of the smoothing.
    x_adv = method.attack(method.victim, *BATCH[:2], SEEDS).numpy()
    results, got = moved(method, graph)

    z, z_adv = two_layer.logits(layers, X), two_layer.logits(layers, x_adv)
    ce, ce_to_z = two_layer.cross_entropy(z, LABEL, smoothing)
    kl, kl_to_z, kl_to_adv = two_layer.divergence(z, z_adv)
    assert kl.min() > 1e-4
    expected = two_layer.gradients(
        layers, (X, (ce_to_z + lam * kl_to_z) / 8), (x_adv, lam * kl_to_adv / 8)
    )
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-7)
    assert results == pytest.approx(
        {"loss": np.mean(ce + lam * kl), "accuracy": _hits(z), "adv_accuracy": _hits(z_adv)},
        rel=1e-6,
    )


def test_lambda_is_6_unless_given():
    assert TRADES(two_layer.network(LINEAR)).lam == 6


def test_lambda_0_is_standard_training_to_the_bit():
    for a, b in zip(trained(TRADES, attack=kl_attack(), lam=0.0), trained(Standard), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("nothing", [{"steps": 0}, {"epsilon": 0.0}])
def test_without_an_attack_it_is_standard_training(nothing):
    weights = trained(TRADES, attack=kl_attack(**nothing))
    for a, b in zip(weights, trained(Standard), strict=True):
        # The divergence of a prediction from itself is 0 but for float64's rounding.
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-13)
    assert np.abs(weights[0] - TWO_LAYERS[0][0]).max() > 1e-3


def test_each_forward_pass_has_its_own_batch_statistics():
    network, norm = two_layer.normalized_pixels(momentum=0.75)
    method = TRADES(network, attack=kl_attack())
    x_adv = method.attack(method.victim, *BATCH[:2], SEEDS).numpy()
    results, _ = moved(method, graph=True)
    mean, variance = two_layer.statistics_after(0.75, X, x_adv)
    np.testing.assert_allclose(norm.moving_mean, mean, rtol=1e-6)
    np.testing.assert_allclose(norm.moving_variance, variance, rtol=1e-6)

    z, z_adv = (two_layer.logits(LINEAR, _normalized(x)) for x in (X, x_adv))
    losses = two_layer.cross_entropy(z, LABEL, 0.0)[0] + 6 * two_layer.divergence(z, z_adv)[0]
    assert results["loss"] == pytest.approx(losses.mean(), rel=1e-6)


def _normalized(x: np.ndarray) -> np.ndarray:
    pixels = x.reshape(8, 4).astype(np.float64)
    return (pixels - pixels.mean(axis=0)) / np.sqrt(pixels.var(axis=0) + 1e-3)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
