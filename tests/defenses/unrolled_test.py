"""The loop with a gradient that bends: forward the defence, backward by hand and by brute force."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from robust_tf import networks
from robust_tf.defenses import SOFTNESS, ActiveDefense, Unrolled
from robust_tf.errors import InputError
from robust_tf.losses import feature_loss
from tests.defenses.features import PIXELS
from tests.linear import image, seeds

NETWORK = networks.build("wrn-10-1", (8, 8, 3), 3, seed=1)
FEATURES = networks.up_to(NETWORK, "group0")
X = tf.constant(np.random.default_rng(2).uniform(size=(4, 8, 8, 3)).astype(np.float32))


def _gradient(call, x, weights):
    x = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = tf.reduce_sum(weights * call(x))
    return tape.gradient(value, x).numpy()


@pytest.mark.parametrize("graph", [False, True])
def test_forward_it_is_the_defence(graph):
    # A delta that some have behind them, from the start or on the way.
    noisy = ActiveDefense(FEATURES, delta=0.0, beta=2.0, sigma=0.1, cap=0)(X, seeds(4)).t
    delta = float(np.median(feature_loss(FEATURES(noisy, training=False))))
    defense = ActiveDefense(FEATURES, delta=delta, beta=2.0, sigma=0.1, cap=5)
    unrolled = Unrolled(defense, networks.softened(FEATURES, SOFTNESS))
    expected = defense(X, seeds(4))
    assert len(set(expected.steps.numpy())) > 1, expected.steps
    call = tf.function(unrolled, autograph=False) if graph else unrolled
    np.testing.assert_allclose(call(X, seeds(4)), expected.t, atol=1e-5)


def test_backward_by_hand():
    """Of pixels as features: L_F = mean sqrt((t - m)^2 + b^2), twice differentiated."""
    x = image(0.2, 0.2, 0.8, 0.8)
    defense = ActiveDefense(PIXELS, delta=0.25, beta=0.4, sigma=0.0, cap=10)
    v = np.array([1.0, -2.0, 0.5, 3.0], np.float32)
    found = _gradient(lambda t: Unrolled(defense, PIXELS)(t, seeds(1)), x, v.reshape(1, 2, 2, 1))
    # One step leads from 0.3 off the mean to 0.2, below delta.
    b, centred = SOFTNESS * 0.25, np.eye(4) - 1 / 4
    bend = b**2 / (0.3**2 + b**2) ** 1.5 / 4
    H = centred @ (bend * np.eye(4)) @ centred
    np.testing.assert_allclose(found.ravel(), (np.eye(4) - 0.4 * H) @ v, atol=1e-5)


def test_backward_is_the_product_of_every_steps_jacobian():
    """With features that have no corner but |.|'s, against TensorFlow's own unrolled gradient."""
    images = keras.Input((2, 2, 1))
    init = keras.initializers.GlorotUniform(seed=1)
    tanh = keras.layers.Conv2D(2, 2, activation="tanh", kernel_initializer=init)
    smooth = keras.Model(images, tanh(images))
    defense = ActiveDefense(smooth, delta=1e-4, beta=0.5, sigma=0.0, cap=3)
    unrolled = Unrolled(defense, smooth)
    x = tf.constant(np.random.default_rng(3).uniform(size=(3, 2, 2, 1)).astype(np.float32))
    weights = tf.constant(np.random.default_rng(4).normal(size=x.shape).astype(np.float32))

    def plain(t):
        # The softened loss's Jacobian at the points of the true path.
        path = [t]
        for _ in range(3):
            path.append(path[-1] - 0.5 * defense.look(path[-1])[1])
        v = weights
        for before in reversed(path[:3]):
            with tf.GradientTape() as outer:
                outer.watch(before)
                with tf.GradientTape() as inner:
                    inner.watch(before)
                    total = tf.reduce_sum(unrolled._soft_feature_loss(before))
                d = inner.gradient(total, before)
            H = tf.reshape(outer.batch_jacobian(d, before), (3, 4, 4))
            v = v - 0.5 * tf.reshape(H @ tf.reshape(v, (3, 4, 1)), v.shape)
        return v.numpy()

    found = _gradient(lambda t: unrolled(t, seeds(3)), x, weights)
    assert np.abs(found - weights).max() > 1e-3
    np.testing.assert_allclose(found, plain(x), atol=1e-4)


def test_images_that_are_done_bend_no_more():
    x = np.concatenate([image(0.2, 0.2, 0.8, 0.8), image(0.49, 0.5, 0.5, 0.51)])
    defense = ActiveDefense(PIXELS, delta=0.25, beta=0.4, sigma=0.0, cap=10)
    weights = tf.ones_like(x) * tf.reshape([1.0, -2.0, 0.5, 3.0], (1, 2, 2, 1))
    found = _gradient(lambda t: Unrolled(defense, PIXELS)(t, seeds(2)), x, weights)
    assert np.abs(found[0] - weights[0]).max() > 1e-3
    np.testing.assert_array_equal(found[1], weights[1])


def test_a_loop_that_clips_gets_its_sentence():
    with pytest.raises(InputError, match="expected --nodefense_clip"):
        Unrolled(ActiveDefense(PIXELS, delta=0.25, clip=True), PIXELS)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
