"""Algorithm 1 of FPD on a network of two linear layers, its gradients written out in NumPy."""

import keras
import numpy as np
import pytest

from robust_tf import optim
from robust_tf.methods.fpd import FPDTraining
from tests.linear import softmax
from tests.methods.restoring import LABEL, X, batch, noisy

RATE, ALPHA1, ALPHA2 = 0.5, 0.75, 1.5
RNG = np.random.default_rng(1)
START = [0.5 * RNG.normal(size=shape) for shape in ((4, 4), (4,), (4, 3), (3,))]


def _network() -> keras.Model:
    """restored = x W + b; logits = restored V + c."""
    f64 = {"dtype": "float64"}
    images = keras.Input((2, 2, 1))
    x = keras.layers.Dense(4, **f64)(keras.layers.Flatten(**f64)(images))
    restored = keras.layers.Reshape((2, 2, 1), name="restored", **f64)(x)
    logits = keras.layers.Dense(3, name="logits", **f64)(keras.layers.Flatten(**f64)(restored))
    network = keras.Model(images, logits)
    network.set_weights(START)
    return network


def _update(weights, x, alpha1: float, frozen: bool = False):
    """One step of gradient descent on alpha1 CE + alpha2 l2; and the restored images of before."""
    W, b, V, c = weights
    x, clean = (np.reshape(images, (8, 4)).astype(float) for images in (x, X))
    restored = x @ W + b
    p = softmax(restored @ V + c)
    d_logits = alpha1 * (p - np.eye(3)[LABEL]) / 8
    d_restored = d_logits @ V.T + ALPHA2 * 2 * (restored - clean) / clean.size
    moved = [W - RATE * x.T @ d_restored, b - RATE * d_restored.sum(axis=0)]
    if frozen:
        return [*moved, V, c], restored
    moved += [V - RATE * restored.T @ d_logits, c - RATE * d_logits.sum(axis=0)]
    return moved, restored


@pytest.mark.parametrize("T", [0.0, float("inf")])
def test_both_branches_equal_numpy(T):
    options = {"epsilon": 0.25, "alpha1": ALPHA1, "alpha2": ALPHA2, "T": T, "seed": 3}
    method = FPDTraining(_network(), **options)
    method.compile(optim.SGD(RATE))
    method.train_step(batch())
    if T == 0:
        # Line 10: front and restoration alone, by alpha2 l2 alone.
        expected, _ = _update(START, noisy(), alpha1=0.0, frozen=True)
    else:
        # Line 13, then line 17 on the images that were restored before it.
        expected, restored = _update(START, noisy(), ALPHA1)
        expected, _ = _update(expected, restored.astype(np.float32), ALPHA1)
    for got, wanted in zip(method.network.get_weights(), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-10)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
