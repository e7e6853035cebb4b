"""Tests of robust_tf.losses.dlr and targeted_dlr: values and gradients by hand."""

import numpy as np
import pytest
import tensorflow as tf

from robust_tf.errors import InputError
from robust_tf.losses import OfOutput, dlr, targeted_dlr

Z = tf.constant([[5.0, 4.0, 1.0, -1.0, 0.0], [5.0, 4.0, 1.0, -1.0, 0.0]])
# Right, and wrong: the label's logit is the first and the third.
LABEL = tf.constant([0, 2])
GOAL = tf.constant([[0, 1], [2, 4]])


def _value_and_gradient(loss, goal):
    with tf.GradientTape() as tape:
        tape.watch(Z)
        value = loss({"logits": Z}, goal)
    return value, tape.gradient(value, Z)


def test_dlr_by_hand():
    value, gradient = _value_and_gradient(dlr, LABEL)
    # (4 - 5) / (5 - 1) and (5 - 1) / (5 - 1).
    np.testing.assert_allclose(value, [-0.25, 1.0])
    # n / d with n = z_1 - z_0 = -1, d = z_0 - z_2 = 4: n' / d - n d' / d^2.
    np.testing.assert_allclose(gradient[0], [-1 / 4 + 1 / 16, 1 / 4, -1 / 16, 0, 0])
    # n = d = z_0 - z_2: it is 1 whatever they are.
    np.testing.assert_allclose(gradient[1], np.zeros(5), atol=1e-7)


def test_targeted_dlr_by_hand():
    value, gradient = _value_and_gradient(targeted_dlr, GOAL)
    # d = 5 - (1 + 0) / 2 = 4.5; n = 4 - 5, and 0 - 1.
    np.testing.assert_allclose(value, [-1 / 4.5, -1 / 4.5])
    n, d = -1.0, 4.5
    of_d = np.array([1.0, 0, -0.5, 0, -0.5]) * -n / d**2
    np.testing.assert_allclose(gradient[0], np.array([-1, 1, 0, 0, 0]) / d + of_d, atol=1e-7)
    np.testing.assert_allclose(gradient[1], np.array([0, 0, -1, 0, 1]) / d + of_d, atol=1e-7)


@pytest.mark.parametrize(("loss", "goal"), [(dlr, LABEL), (targeted_dlr, GOAL)])
def test_no_scale_and_no_shift_of_the_logits_matters(loss, goal):
    value = loss({"logits": Z}, goal)
    np.testing.assert_allclose(loss({"logits": 1e4 * Z}, goal), value, rtol=1e-6)
    np.testing.assert_allclose(loss({"logits": 1e-4 * Z + 0.5}, goal), value, rtol=1e-2)
    squeezed = {"logits": tf.tanh(Z), "before_squeeze": Z}
    np.testing.assert_array_equal(OfOutput("before_squeeze", loss)(squeezed, goal), value)


def test_too_few_classes_get_their_sentence():
    with pytest.raises(InputError, match="The DLR loss needs at least 3 classes, got 2"):
        dlr({"logits": Z[:, :2]}, tf.constant([0, 1]))
    with pytest.raises(InputError, match="targeted DLR loss needs at least 4 classes, got 3"):
        targeted_dlr({"logits": Z[:, :3]}, GOAL)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
