"""TensorFlow Addons' filters by hand, and what their import leaves behind."""

import importlib
import sys

import numpy as np
import pytest
import tensorflow as tf

from robust_tf.interop import addons

FILTERS = (addons.mean_filter, addons.median_filter, addons.gaussian_filter)
# One row: over its ends 1 and 4 come again, and so does all of it above and below.
ROW = np.array([1, 2, 8, 4], "float32").reshape(1, 1, 4, 1)
SIDE = np.exp(-0.5) / (1 + 2 * np.exp(-0.5))
MEAN = [4 / 3, 11 / 3, 14 / 3, 16 / 3]
MEDIAN = [1, 2, 4, 4]
BLURRED = [
    SIDE * a + (1 - 2 * SIDE) * b + SIDE * c
    for a, b, c in [(1, 1, 2), (1, 2, 8), (2, 8, 4), (8, 4, 4)]
]


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-6), ("bfloat16", 1e-2)]
)
@pytest.mark.parametrize(
    ("filtered", "want"), list(zip(FILTERS, (MEAN, MEDIAN, BLURRED), strict=True))
)
def test_one_row_by_hand(filtered, want, dtype, tolerance):
    got = filtered(tf.cast(ROW, dtype))
    assert got.dtype == dtype
    np.testing.assert_allclose(np.ravel(tf.cast(got, tf.float64)), want, rtol=tolerance)


@pytest.mark.parametrize("filtered", FILTERS)
def test_graphs_know_the_shape(filtered):
    traced = tf.function(filtered).get_concrete_function(tf.TensorSpec((None, 3, 4, 5)))
    assert traced.structured_outputs.shape.as_list() == [None, 3, 4, 5]


def test_median_leads_the_gradient_to_the_median():
    x = tf.constant(ROW)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = addons.median_filter(x)[0, 0, 2, 0]
    gradient = np.ravel(tape.gradient(y, x))
    assert np.argmax(gradient) == 3 and gradient.sum() == pytest.approx(1)


def test_import_leaves_no_module_behind():
    before = set(sys.modules)
    importlib.reload(addons)
    assert set(sys.modules) == before
    assert not [m for m in before if m.startswith(("tensorflow_addons", "keras.src.engine"))]


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
