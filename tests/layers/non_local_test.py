"""The non-local filters against a loop over pairs of positions, whole and in chunks."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from robust_tf.errors import InputError
from robust_tf.layers import NonLocal, non_local
from tests.linear import softmax

# 15 positions and at most 60 entries: four chunks of four queries, one of which is padding.
SHAPE, LIMIT = (2, 3, 5, 6), 60


def features(shape=SHAPE, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def filled(kind: str, shape=SHAPE, **options) -> NonLocal:
    """A layer whose weights are large enough to matter."""
    layer = NonLocal(kind, **{"dtype": "float64"} | options)
    layer.build((None, *shape[1:]))
    weights = [features(w.shape, seed=1 + i) for i, w in enumerate(layer.weights)]
    layer.set_weights(weights)
    return layer


def by_pairs(kind: str, x: np.ndarray, theta=None, phi=None, w_f=None) -> np.ndarray:
    """Equation 1 for each image and pair of positions."""
    images, (height, width, channels) = len(x), x.shape[1:]
    x = x.reshape(images, height * width, channels)
    y = np.zeros_like(x)
    for n in range(images):
        for i, x_i in enumerate(x[n]):
            f = np.zeros(len(x[n]))
            for j, x_j in enumerate(x[n]):
                if kind in ("gaussian", "dot"):
                    f[j] = x_i @ x_j
                    continue
                theta_i, phi_j = x_i @ theta[0, 0], x_j @ phi[0, 0]
                if kind == "embedded_gaussian":
                    f[j] = theta_i @ phi_j / np.sqrt(channels // 2)
                else:
                    f[j] = max(0, w_f[:, 0] @ np.concatenate([theta_i, phi_j]))
            y[n, i] = (softmax(f) if "gaussian" in kind else f / len(f)) @ x[n]
    return y.reshape(images, height, width, channels)


def value_and_gradients(layer: NonLocal, x) -> list[tf.Tensor]:
    """y, and the gradients of a scalar by the features and by the weights."""
    weights = [w.value for w in layer.weights]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([x, *weights])
        y = layer(x)
        scalar = tf.reduce_sum(tf.cast(y, x.dtype) ** 3)
    return [y, *tape.gradient(scalar, [x, *weights])]


def same(got, want, **tolerance) -> None:
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, **{"rtol": 1e-9, "atol": 1e-12} | tolerance)


def test_two_positions_by_hand():
    x = np.array([1, 2], "float32").reshape(1, 1, 2, 1)
    assert np.ravel(NonLocal("dot")(x)).tolist() == pytest.approx([1 * 5 / 2, 2 * 5 / 2])
    # x_i . x_j is (1, 2) for the first position and (2, 4) for the second.
    e = np.exp
    want = [(1 + 2 * e(1)) / (1 + e(1)), (1 + 2 * e(2)) / (1 + e(2))]
    assert np.ravel(NonLocal("gaussian")(x)).tolist() == pytest.approx(want)


@pytest.mark.parametrize("limit", [2**20, LIMIT, 1], ids=["whole", "chunks", "rows"])
@pytest.mark.parametrize("shape", [SHAPE, (2, 2, 2, 6)], ids=["wide", "deep"])
@pytest.mark.parametrize("kind", non_local.KINDS)
def test_equals_a_loop_over_pairs(kind, shape, limit):
    layer, x = filled(kind, shape, max_affinity=limit), features(shape)
    same([layer(x)], [by_pairs(kind, x, *layer.get_weights())])


@pytest.mark.parametrize("limit", [2**20, LIMIT], ids=["whole", "chunks"])
@pytest.mark.parametrize("kind", non_local.KINDS)
def test_gradients_are_those_of_the_loop(kind, limit):
    layer, x = filled(kind, max_affinity=limit), features()
    _, *gradients = value_and_gradients(layer, tf.constant(x))
    given = [x, *layer.get_weights()]
    for k, gradient in enumerate(gradients):
        step = 1e-6 * features(given[k].shape, seed=9)
        ends = [[*given[:k], given[k] + s * step, *given[k + 1 :]] for s in (1, -1)]
        up, down = (np.sum(by_pairs(kind, *end) ** 3) for end in ends)
        assert np.sum(gradient * step) == pytest.approx((up - down) / 2, rel=1e-5)


def test_dot_contracts_either_way_to_the_same_numbers():
    x = features()
    # More channels than positions, all but the first 6 empty: the order changes, the sums do not.
    padded = np.pad(x, [(0, 0)] * 3 + [(0, 20)])
    narrow, wide = (NonLocal("dot", dtype="float64")(maps).numpy() for maps in (x, padded))
    same([narrow], [wide[..., :6]])
    assert not wide[..., 6:].any()


@pytest.mark.parametrize("limit", [2**20, LIMIT], ids=["whole", "chunks"])
@pytest.mark.parametrize("kind", non_local.KINDS)
def test_mixed_precision(kind, limit):
    x = tf.constant(features(), tf.float32)
    want = value_and_gradients(filled(kind, dtype="float32"), x)
    layer = filled(kind, dtype="mixed_bfloat16", max_affinity=limit)
    got = tf.function(lambda x: value_and_gradients(layer, x))(x)
    assert got[0].dtype == tf.bfloat16
    for a, b in zip(got, want, strict=True):
        assert np.linalg.norm(tf.cast(a, tf.float32) - b) < 0.05 * np.linalg.norm(b)


def test_scores_are_not_rounded_to_bfloat16():
    # The second position's scores are 256 and 257; bfloat16 has no number between 256 and 258.
    x = np.array([[16, 0], [16, 1]], "float32").reshape(1, 1, 2, 2)
    y = NonLocal("gaussian", dtype="mixed_bfloat16")(x)
    assert float(y[0, 0, 1, 1]) == pytest.approx(1 / (1 + np.exp(-1)), rel=1e-2)


@pytest.mark.parametrize("limit", [2**20, LIMIT], ids=["whole", "chunks"])
@pytest.mark.parametrize("kind", non_local.KINDS)
def test_saves_and_loads(kind, limit, tmp_path):
    images = keras.Input(SHAPE[1:])
    network = keras.Model(images, NonLocal(kind, max_affinity=limit, name="filter")(images))
    assert network.output.shape == images.shape
    network.save(tmp_path / "network.keras")
    again = keras.models.load_model(tmp_path / "network.keras")
    assert again.get_layer("filter").get_config() == network.get_layer("filter").get_config()
    x = features().astype("float32")
    np.testing.assert_array_equal(again(x), network(x))


def test_initial_weights():
    def built(seed: int) -> list[np.ndarray]:
        layer = NonLocal("concatenation", seed=seed)
        layer.build((None, 2, 2, 64))
        assert [w.name for w in layer.weights] == ["theta", "phi", "w_f"]
        return layer.get_weights()

    theta, phi, w_f = built(seed=1)
    assert (theta.shape, phi.shape, w_f.shape) == ((1, 1, 64, 32), (1, 1, 64, 32), (64, 1))
    assert theta.std() == pytest.approx(0.01, rel=0.05)
    assert np.abs(theta - phi).max() > 0.01
    same([theta, phi, w_f], built(seed=1), rtol=0, atol=0)
    assert np.abs(theta - built(seed=2)[0]).max() > 0.01
    assert not filled("gaussian").weights and not filled("dot").weights


def test_bad_input():
    with pytest.raises(InputError, match="kind=gausian is unknown; did you mean gaussian?"):
        NonLocal("gausian")
    with pytest.raises(ValueError, match="filter got maps of Nonex4 positions; expected a height"):
        NonLocal("dot", name="filter")(keras.Input((None, 4, 2)))


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
