"""Tests of feature smoothing: equations 2 and 3 and their gradients by NumPy, and its logs."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from robust_tf import networks, optim
from robust_tf.errors import InputError
from robust_tf.losses import feature_loss
from robust_tf.methods.base import Batch, Method
from robust_tf.methods.smoothing import FeatureSmoothing
from robust_tf.methods.standard import Standard
from tests.linear import image
from tests.methods import two_layer
from tests.methods.two_layer import BATCH, LABEL, X, moved

KERNEL, OFFSET = np.array([1.5, -0.5]), np.array([-0.75, 0.25])
WEIGHTS = np.array([[(3 * i + 5 * j) % 7 / 4 - 0.75 for j in range(3)] for i in range(8)])
BIAS = np.array([0.25, -0.5, 0.125])


def _network(scale: float = 1.0, dtype: str = "float64") -> keras.Model:
    """2x2 images, two features a pixel, three logits, which do not depend on the scale."""
    images = keras.Input((2, 2, 1))
    F = keras.layers.Conv2D(2, 1, name="group0", dtype=dtype)(images)
    flat = keras.layers.Flatten(dtype=dtype)(F)
    network = keras.Model(images, keras.layers.Dense(3, name="logits", dtype=dtype)(flat))
    kernel = scale * KERNEL.reshape(1, 1, 1, 2)
    network.set_weights([kernel, scale * OFFSET, WEIGHTS / scale, BIAS])
    return network


def _method(network: keras.Model | None = None, **options) -> FeatureSmoothing:
    method = FeatureSmoothing(network or _network(), **options)
    method.compile(optim.SGD(0.5))
    return method


def _features(x: np.ndarray = X) -> np.ndarray:
    return x.astype(np.float64) * KERNEL + OFFSET


def _unevenness(F: np.ndarray) -> np.ndarray:
    """Equation 3, image by image."""
    return np.array([np.abs(one - one.mean()).mean() for one in F])


def _to_features(F: np.ndarray) -> np.ndarray:
    """The gradient of each image's L_F to its 8 features, of which each moves the mean too."""
    signs = np.sign(F - F.mean(axis=(1, 2, 3), keepdims=True))
    return (signs - signs.mean(axis=(1, 2, 3), keepdims=True)) / 8


def _numpy(delta: float, x: np.ndarray, label: np.ndarray, smoothing: float = 0.0):
    """The loss of each image by equation 2, and the gradients of its mean."""
    F, count = _features(x), len(x)
    z = F.reshape(count, 8) @ WEIGHTS + BIAS
    ce, ce_to_z = two_layer.cross_entropy(z, label, smoothing)
    L_F = _unevenness(F)
    to_F = (ce_to_z @ WEIGHTS.T).reshape(F.shape)
    to_F += np.where(L_F > delta, 1.0, 0.0)[:, None, None, None] * _to_features(F)
    gradients = [(x * to_F).sum(axis=(0, 1, 2)), to_F.sum(axis=(0, 1, 2))]
    gradients += [F.reshape(count, 8).T @ ce_to_z, ce_to_z.sum(axis=0)]
    gradients = [g / count for g in gradients]
    gradients[0] = gradients[0].reshape(1, 1, 1, 2)
    return ce + np.maximum(L_F, delta), gradients


def _delta_between() -> float:
    """A delta that half of the images are above."""
    return float(np.median(_unevenness(_features())))


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize(("share", "smoothing"), [(0.0, 0.0), (1.0, 0.0), (1.0, 0.1), (9.0, 0.0)])
def test_loss_and_gradients_equal_numpy(share, smoothing, graph):
    delta = share * _delta_between()
    L_F, F = _unevenness(_features()), _features()
    assert (L_F > delta).sum() == {0.0: 8, 1.0: 4, 9.0: 0}[share]
    results, got = moved(_method(delta=delta, label_smoothing=smoothing), graph)
    losses, expected = _numpy(delta, X, LABEL, smoothing)
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-7)
    z = F.reshape(8, 8) @ WEIGHTS + BIAS
    assert results == pytest.approx(
        {
            "loss": losses.mean(),
            "accuracy": (z.argmax(axis=1) == LABEL).mean(),
            "feature_loss": L_F.mean(),
            "relative_feature_loss": (L_F / np.abs(F).mean(axis=(1, 2, 3))).mean(),
        },
        rel=1e-6,
    )


def test_of_two_images_the_one_above_delta_alone_has_a_feature_gradient():
    even, uneven = image(0.5, 0.5, 0.5, 0.6), image(0.0, 1.0, 0.0, 0.9)
    x, label = np.concatenate([even, uneven]), np.array([0, 1])
    L_F, to_F = _unevenness(_features(x)), _to_features(_features(x))
    delta = 0.9 * L_F.mean()
    # The mean of the batch is above delta: a maximum of means would move both images.
    assert L_F[0] < delta < L_F.mean() < L_F[1]
    method = _method(delta=delta)
    with tf.GradientTape() as tape:
        F = tf.constant(_features(x))
        tape.watch(F)
        L = tf.maximum(feature_loss(F), tf.constant(delta, tf.float64))
    np.testing.assert_allclose(tape.gradient(L, F), [0 * to_F[0], to_F[1]], atol=1e-12)

    batch = (tf.constant(x), tf.constant(label), tf.range(2))
    standard = _one_update(_standard(), batch)
    above_alone, both = (_one_update(m, batch) - standard for m in (method, _method(delta=0.0)))
    of_each = (x * to_F).sum(axis=(1, 2)) / 2
    assert np.abs(of_each).min() > 1e-3
    np.testing.assert_allclose(above_alone, -of_each[1], atol=1e-12)
    np.testing.assert_allclose(both, -of_each.sum(axis=0), atol=1e-12)


def _standard() -> Standard:
    method = Standard(_network())
    method.compile(optim.SGD(0.5))
    return method


def _one_update(method: Method, batch: Batch) -> np.ndarray:
    """The kernel of group0 after one update at a learning rate of 1."""
    method.compile(optim.SGD(1.0))
    method.train_step(batch)
    return method.network.get_weights()[0].ravel()


def test_below_delta_it_is_standard_training_to_the_bit():
    weights = []
    for method in (_method(delta=100.0), _standard(), _method(delta=0.0)):
        step = tf.function(method.train_step, autograph=False)
        step(BATCH), step(BATCH)
        weights.append(method.network.get_weights())
    for a, b in zip(*weights[:2], strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.abs(weights[0][0] - weights[2][0]).max() > 1e-2


def test_parts_make_the_update_of_the_whole():
    options = {"delta": _delta_between()}
    (results, whole), (others, parts) = (
        moved(_method(accumulate=n, **options), graph=True) for n in (1, 4)
    )
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)
    assert results == pytest.approx(others, rel=1e-6)


def test_feature_loss_by_hand():
    # Means of 2 and of 10, each image's own: (2 + 1 + 0 + 3) / 4, and 0.
    F = np.array([[0, 1, 2, 5], [10, 10, 10, 10]], np.float32).reshape(2, 2, 1, 2)
    np.testing.assert_array_equal(feature_loss(tf.constant(F)), [1.5, 0.0])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_feature_loss_is_float32_or_more(dtype):
    # 256 + 1 is no number of bfloat16, and a sum of 1,024 times 256 none of float16.
    F = tf.cast(tf.reshape([256.0, 258.0] * 512, (1, 32, 32, 1)), dtype)
    loss = feature_loss(F)
    assert loss.dtype == ("float64" if dtype == "float64" else "float32")
    assert float(loss[0]) == 1.0


@pytest.mark.parametrize("scale", [0.01, 100.0])
def test_scaling_the_features_leaves_the_relative_loss_alone(scale):
    (plain, _), (scaled, _) = (moved(_method(_network(s)), graph=False) for s in (1.0, scale))
    assert scaled["feature_loss"] == pytest.approx(scale * plain["feature_loss"], rel=1e-5)
    assert scaled["relative_feature_loss"] == pytest.approx(
        plain["relative_feature_loss"], rel=1e-5
    )


def test_features_of_zero_are_even():
    network = _network()
    network.get_layer("group0").set_weights([np.zeros((1, 1, 1, 2)), np.zeros(2)])
    results, got = moved(_method(network, delta=0.0), graph=True)
    assert results["feature_loss"] == results["relative_feature_loss"] == 0
    assert all(np.isfinite(array).all() for array in got)


def test_training_and_validation_are_logged():
    data = tf.data.Dataset.from_tensors(BATCH).repeat()
    method = _method(delta=_delta_between())
    options = dict(epochs=2, steps_per_epoch=2, validation_steps=1, shuffle=False, verbose=0)
    history = method.fit(data, validation_data=data, **options).history
    F = method.tapped(X)["group0"].numpy()
    assert history["val_feature_loss"][-1] == pytest.approx(_unevenness(F).mean(), rel=1e-6)
    logged = {"loss", "accuracy", "feature_loss", "relative_feature_loss"}
    assert set(history) == logged | {f"val_{name}" for name in logged}
    assert history["val_feature_loss"][1] < history["val_feature_loss"][0]


def test_validation_ignores_padding():
    index = tf.constant([0, 1, 2, 3, 4, 5, -1, -1])
    results = _method().test_step((*BATCH[:2], index))
    L_F, F = _unevenness(_features())[:6], _features()[:6]
    assert float(results["feature_loss"]) == pytest.approx(L_F.mean(), rel=1e-6)
    relative = (L_F / np.abs(F).mean(axis=(1, 2, 3))).mean()
    assert float(results["relative_feature_loss"]) == pytest.approx(relative, rel=1e-6)


def test_of_a_wide_residual_network_it_takes_the_first_group_normalized_by_the_batch():
    method = _method(networks.build("wrn-10-1", (2, 2, 1), 3))
    assert (method.layer, method.delta) == ("group0", 0.02)
    inferred, normalized = (
        feature_loss(method.tapped(X, training=mode)["group0"]).numpy().mean()
        for mode in (False, True)
    )
    assert inferred != pytest.approx(normalized, rel=0.01)
    assert float(method.train_step(BATCH)["feature_loss"]) == pytest.approx(normalized, rel=1e-5)


def test_a_layer_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="has no layer group7; expected group0, logits or"):
        _method(layer="group7")


@pytest.mark.parametrize("graph", [False, True])
def test_mixed_precision_has_its_loss_in_float32(graph):
    method = _method(_network(dtype="mixed_bfloat16"), delta=0.0)
    F = method.tapped(X)["group0"]
    assert F.dtype == tf.bfloat16
    results, got = moved(method, graph)
    # To more than bfloat16's 3 digits; a graph may round the features once instead of twice.
    expected = _unevenness(F.numpy().astype(np.float64)).mean()
    assert results["feature_loss"] == pytest.approx(expected, rel=1e-3 if graph else 1e-6)
    losses, gradients = _numpy(0.0, X, LABEL)
    assert results["loss"] == pytest.approx(losses.mean(), rel=0.02)
    for a, b in zip(got, gradients, strict=True):
        assert a.dtype == np.float32
        np.testing.assert_allclose(a, b, rtol=0, atol=0.02)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
