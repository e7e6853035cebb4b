"""Tests of robust_tf.losses."""

import numpy as np
import pytest
import tensorflow as tf

from robust_tf import losses
from tests.linear import softmax

Z = np.array([[2.0, -1.0, 0.5], [0.0, 3.0, 3.5]])
LABEL = np.array([0, 1])


def _outputs(z, dtype=tf.float32) -> dict:
    return {"logits": tf.constant(z, dtype)}


def _gradient(loss, z, goal) -> np.ndarray:
    z = tf.constant(z, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = loss({"logits": z}, goal)
    return tape.gradient(value, z).numpy()


def test_cross_entropy_by_hand():
    expected = -np.log(softmax(Z)[[0, 1], LABEL])
    np.testing.assert_allclose(losses.cross_entropy(_outputs(Z), LABEL), expected, rtol=1e-6)
    np.testing.assert_allclose(
        _gradient(losses.cross_entropy, Z, LABEL), softmax(Z) - np.eye(3)[LABEL], atol=1e-6
    )


def test_cross_entropy_of_a_confident_network_keeps_the_labels_gradient():
    """The label's derivative is minus the sum of the others', however small they are."""
    z = [[60.0, 0.0, 1.0]]
    others = np.exp([0.0 - 60.0, 1.0 - 60.0])
    got = _gradient(losses.cross_entropy, z, [0])[0]
    np.testing.assert_allclose(got, [-others.sum(), *others], rtol=1e-5)


def test_a_targeted_margin_counts_no_more_below_minus_kappa():
    loss = losses.Margin(0.7, targeted=True)
    np.testing.assert_allclose(loss(_outputs(Z), LABEL), [-0.7, 0.5])
    np.testing.assert_array_equal(_gradient(loss, Z, LABEL), [[0, 0, 0], [0, -1, 1]])


def test_margin_by_hand():
    np.testing.assert_array_equal(losses.Margin()(_outputs(Z), LABEL), [0.5 - 2.0, 3.5 - 3.0])
    np.testing.assert_array_equal(_gradient(losses.Margin(), Z, LABEL), [[-1, 0, 1], [0, -1, 1]])


@pytest.mark.parametrize(
    ("kappa", "values", "moving"),
    [
        (0.0, (-1.5, 0.0), (True, False)),
        (0.25, (-1.5, 0.25), (True, False)),
        (1.0, (-1.5, 0.5), (True, True)),
    ],
)
def test_the_margins_gradient_stops_at_kappa(kappa, values, moving):
    loss = losses.Margin(kappa)
    np.testing.assert_array_equal(loss(_outputs(Z), LABEL), values)
    np.testing.assert_array_equal(np.any(_gradient(loss, Z, LABEL), axis=1), moving)


def test_margin_of_huge_logits_is_not_lost():
    huge = [[-3e4, 3e4], [3e4, -3e4]]
    value = losses.Margin(kappa=1e5)(_outputs(huge), np.array([0, 0]))
    np.testing.assert_array_equal(value, [6e4, -6e4])


def test_targeted_margin_by_hand():
    """Of the target's class alone, however far another one is ahead."""
    goal = np.array([[0, 1], [1, 0]])
    np.testing.assert_array_equal(losses.targeted_margin(_outputs(Z), goal), [-3.0, -3.0])
    np.testing.assert_array_equal(
        _gradient(losses.targeted_margin, Z, goal), [[-1, 1, 0], [1, -1, 0]]
    )
    assert losses.targeted_margin(_outputs(Z, tf.bfloat16), goal).dtype == tf.float32


def test_kl_divergence_by_hand():
    p = np.array([[0.5, 0.25, 0.25], [0.2, 0.3, 0.5]])
    q = softmax(Z)
    expected = np.sum(p * np.log(p / q), axis=1)
    np.testing.assert_allclose(losses.kl_divergence(_outputs(Z), p), expected, rtol=1e-6)
    np.testing.assert_allclose(_gradient(losses.kl_divergence, Z, p), q - p, atol=1e-6)


def test_kl_divergence_takes_certainty():
    certain = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    value = losses.kl_divergence(_outputs(Z), certain)
    np.testing.assert_allclose(value, losses.cross_entropy(_outputs(Z), LABEL), rtol=1e-6)
    assert np.all(np.isfinite(_gradient(losses.kl_divergence, Z, certain)))


def test_kl_divergence_from_itself_is_nothing():
    np.testing.assert_allclose(losses.kl_divergence(_outputs(Z), softmax(Z)), 0, atol=1e-6)
    np.testing.assert_allclose(_gradient(losses.kl_divergence, Z, softmax(Z)), 0, atol=1e-6)


@pytest.mark.parametrize("name", ["ce", "margin", "kl"])
@pytest.mark.parametrize(
    ("given", "computed"),
    [
        (tf.bfloat16, tf.float32),
        (tf.float16, tf.float32),
        (tf.float32, tf.float32),
        (tf.float64, tf.float64),
    ],
)
def test_values_are_at_least_float32(name, given, computed):
    goal = softmax(Z) if name == "kl" else LABEL
    value = losses.by_name(name, 50.0, targeted=False)(_outputs(Z, given), goal)
    assert value.dtype == computed and value.shape == (2,)


def test_by_name_hands_kappa_on():
    assert losses.by_name("margin", 3.0, targeted=False) == losses.Margin(3.0)
    assert losses.by_name("margin", 3.0, targeted=True) == losses.Margin(3.0, targeted=True)
    assert losses.by_name("ce", 3.0, targeted=False) is losses.cross_entropy
    assert losses.by_name("kl", 3.0, targeted=False) is losses.kl_divergence


def test_soft_cross_entropy_by_hand():
    y = np.array([[0.5, 0.25, 0.25], [0.1, 0.9, 0.0]])
    expected = -np.sum(y * np.log(softmax(Z)), axis=1)
    np.testing.assert_allclose(losses.soft_cross_entropy(_outputs(Z), y), expected, rtol=1e-6)
    np.testing.assert_allclose(
        _gradient(losses.soft_cross_entropy, Z, y), softmax(Z) - y, atol=1e-6
    )


def test_a_loss_of_another_output_leaves_the_logits_alone():
    outputs = {"logits": tf.constant(np.tanh(Z)), "before_squeeze": tf.constant(Z)}
    loss = losses.OfOutput("before_squeeze", losses.Margin(50.0))
    np.testing.assert_allclose(loss(outputs, LABEL), losses.Margin(50.0)(_outputs(Z), LABEL))
    assert str(loss) == "Margin(kappa=50.0, targeted=False) of before_squeeze"
    assert str(losses.OfOutput("x", losses.cross_entropy)) == "cross_entropy of x"


def test_the_shift_of_a_restoration_by_hand():
    z = tf.constant([[1.0, 0.0], [0.0, 0.0]])
    images = tf.zeros((2, 1, 2, 1))
    restored = tf.reshape([0.5, 0.0, 0.0, 0.0], (2, 1, 2, 1))
    outputs = {"logits": z, "restored": restored, "images": images}
    label = tf.constant([0, 1])
    expected = losses.cross_entropy(outputs, label) + [8 * 0.125, 0.0]
    np.testing.assert_allclose(losses.WithShift(8.0)(outputs, label), expected, rtol=1e-6)
    # Of another output, it is still the shift of the same image.
    outputs["before_squeeze"] = 2 * z
    found = losses.OfOutput("before_squeeze", losses.WithShift(8.0))(outputs, label)
    expected = losses.cross_entropy({"logits": 2 * z}, label) + [8 * 0.125, 0.0]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_loss_that_knows_of_active_defense_by_hand():
    L_F, delta = np.array([0.5, 0.01], np.float32), 0.02
    floored = tf.maximum(tf.constant(L_F), delta)
    outputs = {**_outputs(Z), "feature_loss": tf.constant(L_F), "floored_feature_loss": floored}
    cross_entropy = losses.cross_entropy(outputs, LABEL).numpy()
    for weight in (3.16, -100.0, 0.0):
        found = losses.WithFeatureLoss(weight)(outputs, LABEL)
        np.testing.assert_allclose(found, cross_entropy + weight * np.array([0.5, 0.02]), rtol=1e-6)
    np.testing.assert_array_equal(losses.unevenness(outputs, LABEL), L_F)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
