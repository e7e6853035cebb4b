"""A defended victim: what it averages, and what it says of its loops."""

import numpy as np
import tensorflow as tf

from robust_tf import draws
from robust_tf.defenses import ActiveDefense, defended_victim
from robust_tf.victim import network_victim
from tests.defenses.features import PIXELS
from tests.linear import linear_network, random_images, seeds, softmax

X = tf.constant(random_images(6))
BARE = network_victim(linear_network(np.arange(12).reshape(4, 3) / 4 - 1))


def test_without_noise_and_descent_it_decides_as_the_bare_one():
    defense = ActiveDefense(PIXELS, delta=9.0, sigma=0.0)
    outputs = defended_victim(BARE, defense, outer_loops=3)(X, seeds(6))
    z = BARE(X, None)["logits"].numpy()
    np.testing.assert_allclose(tf.exp(outputs["logits"]), softmax(z), atol=1e-6)
    assert outputs["steps"].numpy().tolist() == [0] * 6
    assert outputs["converged"].numpy().all() and not outputs["induced"].numpy().any()


def test_loops_draw_anew_and_their_softmaxes_are_averaged():
    defense = ActiveDefense(PIXELS, delta=0.05, sigma=0.2, beta=0.1, cap=20)
    outputs = defended_victim(BARE, defense, outer_loops=2)(X, seeds(6))
    p, steps, converged, induced = [], [], [], []
    for k in range(2):
        t, n, done = defense(X, draws.fold(draws.fold(seeds(6), k), 0))
        p.append(softmax(BARE(t, None)["logits"].numpy()))
        steps.append(n.numpy())
        converged.append(done.numpy())
        induced.append(np.abs(t - X).max(axis=(1, 2, 3)))
    assert (p[0] != p[1]).any() and len(set(steps[0])) > 1 and not np.all(converged)
    np.testing.assert_allclose(tf.exp(outputs["logits"]), np.mean(p, axis=0), atol=1e-6)
    np.testing.assert_array_equal(outputs["steps"], np.sum(steps, axis=0))
    np.testing.assert_array_equal(outputs["converged"], np.all(converged, axis=0))
    np.testing.assert_allclose(outputs["induced"], np.max(induced, axis=0), atol=1e-6)


def test_the_same_seed_is_the_same_decision_and_another_is_not():
    victim = defended_victim(BARE, ActiveDefense(PIXELS, delta=0.05, beta=0.1, cap=20))
    first, again = (victim(X, seeds(6))["logits"].numpy() for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (victim(X, seeds(6, step=1))["logits"].numpy() != first).any()


def test_a_network_that_is_very_sure_still_gives_finite_logits():
    sure = network_victim(linear_network(np.arange(12).reshape(4, 3) * 500.0))
    defense = ActiveDefense(PIXELS, delta=9.0, sigma=0.01)
    z = defended_victim(sure, defense, outer_loops=2)(0.5 + X / 2, seeds(6))["logits"].numpy()
    assert np.isfinite(z).all() and z.min() < -200
    assert (z.argmax(axis=1) == 2).all()


def test_to_a_gradient_the_loop_is_the_identity():
    """So that an attack through the defence has the gradient at what is classified."""
    defense = ActiveDefense(PIXELS, delta=0.05, sigma=0.2, beta=0.1, cap=20)
    victim = defended_victim(BARE, defense)
    t = defense(X, draws.fold(draws.fold(seeds(6), 0), 0)).t

    def gradient(call, x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = tf.reduce_sum(tf.nn.log_softmax(call(x))[:, 2])
        return tape.gradient(value, x)

    found = gradient(lambda x: victim(x, seeds(6))["logits"], X)
    np.testing.assert_allclose(found, gradient(lambda x: BARE(x, None)["logits"], t), atol=1e-6)
    assert np.abs(found).max() > 0.1
