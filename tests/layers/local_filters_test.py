"""The 3x3 filters against a loop over neighbourhoods."""

import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from robust_tf import interop
from robust_tf.errors import InputError
from robust_tf.layers import LocalFilter, local_filters
from tests.linear import softmax

SHAPE = (2, 3, 4, 5)
# exp(-distance^2 / 2), as weights of a mean.
GAUSSIAN = np.exp([[-1, -0.5, -1], [-0.5, 0, -0.5], [-1, -0.5, -1]])
GAUSSIAN = (GAUSSIAN / GAUSSIAN.sum())[..., None]


def features(shape=SHAPE, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def by_neighbourhoods(kind: str, x: np.ndarray) -> np.ndarray:
    """Each position of each image by itself."""
    y = np.zeros_like(x)
    for n, row, column in np.ndindex(x.shape[:3]):
        if kind == "bilateral":
            around = x[n, max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
            omega = around.reshape(-1, x.shape[-1])
            y[n, row, column] = softmax(omega @ x[n, row, column]) @ omega
            continue
        # The edge's positions come again outside of it.
        repeated = np.pad(x[n], [(1, 1), (1, 1), (0, 0)], mode="edge")
        window = repeated[row : row + 3, column : column + 3]
        reduce = {
            "mean": lambda w: w.mean(axis=(0, 1)),
            "median": lambda w: np.median(w, axis=(0, 1)),
            "gaussian_filter": lambda w: (w * GAUSSIAN).sum(axis=(0, 1)),
        }[kind]
        y[n, row, column] = reduce(window)
    return y


def value_and_gradient(layer: LocalFilter, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        y = layer(x)
        scalar = tf.reduce_sum(tf.cast(y, x.dtype) ** 3)
    return y, tape.gradient(scalar, x)


@pytest.mark.parametrize("shape", [SHAPE, (1, 1, 1, 2), (1, 2, 1, 3)], ids=str)
@pytest.mark.parametrize("kind", local_filters.KINDS)
def test_equals_a_loop_over_neighbourhoods(kind, shape):
    x = features(shape)
    got = LocalFilter(kind, dtype="float64")(x)
    np.testing.assert_allclose(got, by_neighbourhoods(kind, x), rtol=1e-6, atol=1e-7)


def test_one_outlier_by_hand():
    x = np.zeros((1, 3, 3, 1), "float32")
    x[0, 1, 1] = 9
    assert np.ravel(LocalFilter("mean")(x)).tolist() == pytest.approx([1] * 9)
    assert not np.any(LocalFilter("median")(x))
    # Its own score of 81 leaves the others no weight; theirs are 0, and it is one of 4, 6 or 9.
    corner, edge = 9 / 4, 9 / 6
    want = [corner, edge, corner, edge, 9, edge, corner, edge, corner]
    assert np.ravel(LocalFilter("bilateral")(x)).tolist() == pytest.approx(want)


@pytest.mark.parametrize("kind", local_filters.KINDS)
def test_gradient_is_that_of_the_loop(kind):
    x = features()
    _, gradient = value_and_gradient(LocalFilter(kind, dtype="float64"), tf.constant(x))
    step = 1e-6 * features(seed=1)
    up, down = (np.sum(by_neighbourhoods(kind, x + s * step) ** 3) for s in (1, -1))
    assert np.sum(gradient * step) == pytest.approx((up - down) / 2, rel=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64", "mixed_bfloat16"])
@pytest.mark.parametrize("kind", local_filters.KINDS)
def test_eager_equals_graph(kind, dtype):
    layer = LocalFilter(kind, dtype=dtype)
    x = tf.constant(features(), layer.variable_dtype)
    eager = value_and_gradient(layer, x)

    @tf.function(input_signature=[tf.TensorSpec((None, *SHAPE[1:]), x.dtype)])
    def in_loop(x):
        def turn(i, *_):
            return i + 1, *value_and_gradient(layer, x)

        blank = tf.zeros_like(x)
        start = (0, tf.cast(blank, layer.compute_dtype), blank)
        return tf.while_loop(lambda i, *_: i < 1, turn, start)[1:]

    graph = in_loop(x)
    assert eager[0].dtype == layer.compute_dtype
    precision = {"float32": 1e-5, "float64": 1e-12, "mixed_bfloat16": 0.02}[dtype]
    for got, want in zip(graph, eager, strict=True):
        np.testing.assert_allclose(
            tf.cast(got, tf.float64), tf.cast(want, tf.float64), rtol=precision, atol=precision
        )
    want = by_neighbourhoods(kind, features())
    error = np.linalg.norm(tf.cast(eager[0], tf.float64) - want)
    assert error < max(precision, 1e-6) * np.linalg.norm(want)


@pytest.mark.parametrize("kind", local_filters.KINDS)
def test_saves_and_loads(kind, tmp_path):
    images = keras.Input(SHAPE[1:])
    filtered = LocalFilter(kind, name="filter")(images)
    # The convolution needs the channels to be known after the filter.
    network = keras.Model(images, keras.layers.Conv2D(2, 1)(filtered))
    assert filtered.shape == images.shape
    network.save(tmp_path / "network.keras")
    again = keras.models.load_model(tmp_path / "network.keras")
    assert again.get_layer("filter").get_config() == network.get_layer("filter").get_config()
    x = features().astype("float32")
    np.testing.assert_array_equal(again(x), network(x))


def test_addons_is_imported_for_its_filters_alone(monkeypatch):
    name = "robust_tf.interop.addons"
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.delattr(interop, "addons", raising=False)
    LocalFilter("bilateral")(features())
    assert name not in sys.modules
    LocalFilter("mean")(features())
    assert name in sys.modules


def test_unknown_kind():
    with pytest.raises(InputError, match="kind=meen is unknown; did you mean mean?"):
        LocalFilter("meen")


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
