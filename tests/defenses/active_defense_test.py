"""Active Defense: Algorithm 1 by hand, against the plain loop, and its invariants."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from robust_tf import networks
from robust_tf.defenses import ActiveDefense
from robust_tf.errors import InputError
from robust_tf.losses import feature_loss
from tests.defenses.features import PIXELS
from tests.linear import image, seeds

BRIGHT = (0.2, 0.2, 0.8, 0.8)
NETWORK = networks.build("wrn-10-1", (8, 8, 3), 3, seed=1)
FEATURES = networks.up_to(NETWORK, "group0")
X = tf.constant(np.random.default_rng(2).uniform(size=(5, 8, 8, 3)).astype(np.float32))


def _defense(features=PIXELS, **options) -> ActiveDefense:
    return ActiveDefense(features, **{"sigma": 0.0, **options})


@pytest.mark.parametrize(
    ("delta", "expected", "steps"),
    [
        # |pixel - 1/2| is 0.3, and falls by beta / 4 = 0.1 a step.
        (0.35, (0.2, 0.2, 0.8, 0.8), 0),
        (0.15, (0.4, 0.4, 0.6, 0.6), 2),
        (0.25, (0.3, 0.3, 0.7, 0.7), 1),
    ],
)
def test_by_hand(delta, expected, steps):
    found = _defense(delta=delta, beta=0.4)(image(*BRIGHT), seeds(1))
    np.testing.assert_allclose(found.t, image(*expected), atol=1e-6)
    assert (found.steps.numpy().tolist(), found.converged.numpy().tolist()) == ([steps], [True])


def test_an_image_takes_its_own_steps_whatever_the_batch():
    x = tf.concat([image(*BRIGHT), image(0.5, 0.5, 0.6, 0.6), image(0.0, 0.0, 1.0, 1.0)], axis=0)
    defense = _defense(delta=0.15, beta=0.4)
    together = defense(x, seeds(3))
    assert together.steps.numpy().tolist() == [2, 0, 4]
    for k in range(3):
        alone = defense(x[k : k + 1], seeds(3)[k : k + 1])
        np.testing.assert_array_equal(alone.t, together.t[k : k + 1])


def test_images_that_are_done_leave_the_loop():
    """Of three that take 2, 0 and 4 steps, each step looks only at those it concerns."""
    looked_at = []

    class Counting(keras.layers.Layer):
        def call(self, x):
            count = tf.numpy_function(
                lambda n: looked_at.append(int(n)) or n, [tf.shape(x)[0]], tf.int32
            )
            with tf.control_dependencies([count]):
                return tf.identity(x)

    images = keras.Input((2, 2, 1))
    features = keras.Model(images, Counting()(images))
    x = tf.concat([image(*BRIGHT), image(0.5, 0.5, 0.6, 0.6), image(0.0, 0.0, 1.0, 1.0)], axis=0)
    looked_at.clear()
    tf.function(_defense(features, delta=0.15, beta=0.4), autograph=False)(x, seeds(3))
    assert looked_at == [3, 2, 2, 1, 1]


def test_the_cap_ends_it_and_says_so():
    found = _defense(delta=0.15, beta=0.4, cap=1)(image(*BRIGHT), seeds(1))
    np.testing.assert_allclose(found.t, image(0.3, 0.3, 0.7, 0.7), atol=1e-6)
    assert (found.steps.numpy().tolist(), found.converged.numpy().tolist()) == ([1], [False])
    # An image whose last step was enough has converged.
    found = _defense(delta=0.15, beta=0.4, cap=2)(image(*BRIGHT), seeds(1))
    assert (found.steps.numpy().tolist(), found.converged.numpy().tolist()) == ([2], [True])


def test_an_image_that_holds_no_number_ends_at_once_and_has_not_converged():
    x = tf.concat([image(np.nan, 0.2, 0.8, 0.8), image(*BRIGHT)], axis=0)
    found = _defense(delta=0.15, beta=0.4, cap=50)(x, seeds(2))
    assert found.steps.numpy().tolist() == [0, 2]
    assert found.converged.numpy().tolist() == [False, True]
    np.testing.assert_allclose(found.t[1:], image(0.4, 0.4, 0.6, 0.6), atol=1e-6)


def test_pixels_leave_the_range_unless_clipped():
    # Away from the mean: one pixel goes below 0 with the others.
    x = image(0.0, 0.0, 0.0, 1.0)
    options = dict(delta=0.0, beta=0.4, cap=1)
    assert _defense(**options)(x, seeds(1)).t.numpy().max() == pytest.approx(0.85)
    overshoot = _defense(**{**options, "beta": 8.0})(x, seeds(1)).t.numpy()
    clipped = _defense(**{**options, "beta": 8.0}, clip=True)(x, seeds(1)).t.numpy()
    assert overshoot.min() < 0
    np.testing.assert_allclose(clipped, np.clip(overshoot, 0, 1), atol=1e-6)


def test_noise_is_uniform_and_each_images_own():
    noise = (_defense(delta=9.0, sigma=0.25)(tf.zeros((400, 2, 2, 1)), seeds(400)).t).numpy()
    assert -0.25 <= noise.min() < -0.24 and 0.24 < noise.max() < 0.25
    assert noise.std() == pytest.approx(0.25 / np.sqrt(3), rel=0.05)
    assert len(np.unique(noise[:, 0, 0, 0])) == 400
    again = _defense(delta=9.0, sigma=0.25)(tf.zeros((3, 2, 2, 1)), seeds(400)[7:10]).t
    np.testing.assert_array_equal(again, noise[7:10])


def _plain(defense: ActiveDefense, t: tf.Tensor) -> tuple[np.ndarray, list[int]]:
    """The algorithm as it is written, one image after the other."""
    found, steps = [], []
    for one in tf.split(t, len(t)):
        taken = 0
        while True:
            with tf.GradientTape() as tape:
                tape.watch(one)
                L_F = feature_loss(defense.features(one, training=False))[0]
            if L_F <= defense.delta or taken == defense.cap:
                break
            one, taken = one - defense.beta * tape.gradient(L_F, one), taken + 1
        found.append(one.numpy())
        steps.append(taken)
    return np.concatenate(found), steps


@pytest.mark.parametrize("graph", [False, True])
def test_on_a_network_it_is_the_plain_loop(graph):
    # From nearly even to colourful.
    x = 0.5 + (X - 0.5) * tf.reshape([0.2, 0.8, 0.9, 1.0, 1.2], (5, 1, 1, 1))
    least, *_, most = np.sort(feature_loss(FEATURES(x, training=False)))
    defense = _defense(FEATURES, delta=float(least + (most - least) / 2), beta=0.5, cap=20)
    expected, steps = _plain(defense, x)
    assert len(set(steps)) > 3 and {0, 20} <= set(steps), steps
    call = tf.function(defense, autograph=False) if graph else defense
    found = call(x, seeds(5))
    assert found.steps.numpy().tolist() == steps
    np.testing.assert_allclose(found.t, expected, atol=1e-5)
    assert found.t.shape == x.shape


def test_with_relu_the_jacobian_of_the_loop_is_the_identity():
    with tf.GradientTape() as tape:
        tape.watch(X)
        t = X
        for _ in range(3):
            with tf.GradientTape() as inner:
                inner.watch(t)
                total = tf.reduce_sum(feature_loss(FEATURES(t, training=False)))
            t = t - 5.0 * inner.gradient(total, t)
        weights = tf.constant(np.random.default_rng(3).normal(size=X.shape).astype(np.float32))
        value = tf.reduce_sum(weights * t)
    np.testing.assert_allclose(tape.gradient(value, X), weights, atol=1e-6)


@pytest.mark.parametrize(
    "options", [dict(delta=-0.1), dict(delta=0.1, sigma=-1.0), dict(delta=0.1, beta=0.0)]
)
def test_bad_input_gets_its_sentence(options):
    with pytest.raises(InputError, match="ActiveDefense's (delta|sigma|beta) must be"):
        _defense(**options)
