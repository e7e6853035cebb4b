"""Tests of robust_tf.methods.adversarial_labels: paper 3's equations 14 to 21 in numbers."""

import numpy as np
import pytest
import tensorflow as tf

from robust_tf.methods.adversarial_labels import adversarial_labels, smoothed_labels

BETAS = (1.0, 9.0, 100.0, 1e6)
CLASSES = (2, 3, 10, 100)


def _labels(v, label, beta=9.0, gamma=0.01) -> np.ndarray:
    return adversarial_labels(tf.constant(v), tf.constant(label), beta, gamma).numpy()


def _random(n: int, dtype=np.float32) -> tuple[np.ndarray, np.ndarray]:
    """200 gradients v from 0 to 100 of n classes, and true classes."""
    rng = np.random.default_rng(n)
    return rng.uniform(0, 100, (200, n)).astype(dtype), rng.integers(0, n, 200)


def _apart(y: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the true classes have, and what the others have."""
    is_c = np.eye(y.shape[-1], dtype=bool)[label]
    return y[is_c], y[~is_c].reshape(len(y), -1)


def test_equations_14_and_18_by_hand():
    # v_MC = 1, v_LL = 4, gamma = 1: numerators 2, 1, 4 over their mean 7/3 are 6/7, 3/7, 12/7.
    # eps_y = 1 / (1 + 7/3 * 12/7) = 1/5, and a third of it times these. v_c never enters.
    v = np.array([[2.0, 0.3, 1.0, 4.0], [2.0, 9.0, 1.0, 4.0]], np.float32)
    expected = [0.4 / 7, 0.8, 0.2 / 7, 0.8 / 7]
    np.testing.assert_allclose(_labels(v, [1, 1], 7.0, 1.0), [expected] * 2, rtol=1e-6)


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("n", CLASSES)
def test_the_true_class_keeps_beta_times_the_largest_other(n, beta):
    v, label = _random(n)
    y = _labels(v, label, beta)
    np.testing.assert_allclose(y.sum(axis=1), 1, atol=1e-6)
    true, others = _apart(y, label)
    np.testing.assert_allclose(true, beta * others.max(axis=1), rtol=1e-6, atol=1e-7)
    assert (others > 0).all()


@pytest.mark.parametrize("n", CLASSES[1:])
def test_the_less_likely_a_class_the_more_it_gets(n):
    v, label = _random(n)
    _, others = _apart(_labels(v, label), label)
    _, v_others = _apart(v, label)
    np.testing.assert_array_equal(others.argsort(axis=1), v_others.argsort(axis=1))


@pytest.mark.parametrize("beta", [*BETAS, np.inf])
@pytest.mark.parametrize("n", CLASSES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("gamma", [0.01, 1e-30])
def test_equal_gradients_give_exactly_label_smoothing(n, beta, dtype, gamma):
    label = np.arange(n)
    # That of the true class is another one, as in training.
    v = np.where(np.eye(n, dtype=bool), 0.125, 3.3).astype(dtype)
    smoothed = smoothed_labels(tf.constant(label), n, beta, dtype).numpy()
    np.testing.assert_array_equal(_labels(v, label, beta, gamma), smoothed)
    assert smoothed.dtype == dtype


@pytest.mark.parametrize(("beta", "eps_y"), [(81.0, 0.1), (9.0, 0.5), (1.0, 0.9)])
def test_equations_15_and_19_by_the_papers_numbers(beta, eps_y):
    y = smoothed_labels(tf.constant([3]), 10, beta).numpy()[0]
    expected = np.full(10, eps_y / 9)
    expected[3] = 1 - eps_y
    np.testing.assert_allclose(y, expected, rtol=1e-6)


def test_equation_20_one_class_has_all_of_the_gradient():
    v, gamma, beta = np.zeros((1, 10), np.float32), 0.01, 9.0
    v[0, 4] = 50
    eps_y = 1 - _labels(v, [0], beta, gamma)[0, 0]
    assert eps_y == pytest.approx(1 / (1 + beta * (50 + gamma) / (50 + 9 * gamma)), rel=1e-5)
    assert eps_y == pytest.approx(1 / (1 + beta), rel=2e-3)


@pytest.mark.parametrize("beta", BETAS[:3])
@pytest.mark.parametrize("n", CLASSES)
def test_equation_21_the_range_of_the_budget(n, beta):
    v, label = _random(n, np.float64)
    true, _ = _apart(_labels(v, label, beta), label)
    assert (1 - true <= 1 / (1 + beta / (n - 1)) + 1e-12).all()
    assert (1 - true > 1 / (1 + beta) - (1e-12 if n == 2 else 0)).all()


@pytest.mark.parametrize("n", CLASSES)
def test_infinite_beta_is_one_hot(n):
    v, label = _random(n)
    for gradients in (v, np.zeros_like(v)):
        y = _labels(gradients, label, np.inf)
        np.testing.assert_array_equal(y, np.eye(n, dtype=np.float32)[label])


@pytest.mark.parametrize("gamma", [1e-30, 0.01, 1e3])
@pytest.mark.parametrize("n", CLASSES)
def test_extreme_gradients_give_distributions(n, gamma):
    v = np.stack([np.zeros(n), np.full(n, 100), np.where(np.arange(n) % 2, 100, 0)])
    y = _labels(v.astype(np.float32), [0, n - 1, 1], 9.0, gamma)
    assert (y >= 0).all()
    np.testing.assert_allclose(y.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("given", "made"), [("float16", "float32"), ("float32", "float32"), ("float64", "float64")]
)
def test_the_precision_is_that_of_v_or_float32(given, made):
    v, label = _random(10, given)
    y = _labels(v, label)
    assert y.dtype == made
    np.testing.assert_allclose(y, _labels(v.astype("float64"), label), rtol=2e-5)


@pytest.mark.parametrize("beta", [9.0, np.inf])
def test_eager_equals_graph(beta):
    v, label = map(tf.constant, _random(10))
    graph = tf.function(adversarial_labels, autograph=False)(v, label, beta, 0.01)
    np.testing.assert_allclose(adversarial_labels(v, label, beta, 0.01), graph, rtol=1e-6)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
