"""Tests of what all methods share, by the two simplest, beside a NumPy computation."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from robust_tf import draws, networks, optim
from robust_tf.attacks import PGD, fgsm, named
from robust_tf.errors import InputError
from robust_tf.methods import METHODS, Method
from robust_tf.threat import Threat
from tests.linear import linear_network, random_images, softmax

WEIGHTS = np.array([[1.0, -1.0], [0.5, 2.0], [-2.0, 0.25], [1.5, 0.5]])
BIAS = np.array([0.25, -0.5])
X = random_images(8)
LABEL = np.array([0, 1, 1, 0, 1, 0, 0, 1])
BATCH = (tf.constant(X), tf.constant(LABEL), tf.range(8))
RATE, DECAY, EPSILON = 0.5, 0.1, 0.125
both = pytest.mark.parametrize("name", ["standard", "pgd_at"])


def _method(name: str, network=None, *, rate: float = RATE, **options) -> Method:
    network = network or linear_network(WEIGHTS, BIAS)
    options = {"attack": fgsm(Threat("Linf", EPSILON)), **options}
    method = METHODS[name](network, **options)
    method.compile(optim.SGD(rate))
    return method


def _train_images(name: str) -> np.ndarray:
    """What the method trains on; FGSM on two linear classes in closed form."""
    if name == "standard":
        return X
    other = (WEIGHTS[:, 1] - WEIGHTS[:, 0]) * np.where(LABEL == 0, 1, -1)[:, None]
    return np.clip(X + EPSILON * np.sign(other).reshape(X.shape), 0, 1)


def _numpy_update(x: np.ndarray, decay: float):
    """Mean cross-entropy, accuracy, and the weights and bias after one update."""
    x = x.reshape(8, 4)
    p = softmax(x @ WEIGHTS + BIAS)
    error = (p - np.eye(2)[LABEL]) / 8
    loss, accuracy = -np.log(p[np.arange(8), LABEL]).mean(), (p.argmax(1) == LABEL).mean()
    weights = WEIGHTS - RATE * (x.T @ error + decay * WEIGHTS)
    return loss, accuracy, weights, BIAS - RATE * error.sum(axis=0)


def _weights(method: Method) -> list[np.ndarray]:
    return [v.numpy() for v in method.trainable_variables]


@both
@pytest.mark.parametrize("decay", [0.0, DECAY])
@pytest.mark.parametrize("graph", [False, True])
def test_an_update_equals_numpy(name, decay, graph):
    method = _method(name, weight_decay=decay)
    step = tf.function(method.train_step, autograph=False) if graph else method.train_step
    results = step(BATCH)
    loss, accuracy, weights, bias = _numpy_update(_train_images(name), decay)
    reported = {"standard": "accuracy", "pgd_at": "adv_accuracy"}[name]
    assert set(results) == {"loss", reported}
    # The loss that is reported is the images' own, without the penalty.
    np.testing.assert_allclose(results["loss"], loss, rtol=1e-5)
    np.testing.assert_allclose(results[reported], accuracy, rtol=1e-6)
    np.testing.assert_allclose(_weights(method)[0], weights, atol=1e-5)
    np.testing.assert_allclose(_weights(method)[1], bias, atol=1e-5)


def test_weight_decay_is_of_kernels_only():
    images = keras.Input((2, 2, 1))
    x = keras.layers.BatchNormalization(gamma_initializer=keras.initializers.Constant(2.0))(images)
    x = keras.layers.Conv2D(1, 1, bias_initializer="ones")(x)
    network = keras.Model(images, keras.layers.Dense(2)(keras.layers.Flatten()(x)))
    plain, decayed = (_method("standard", network, rate=1.0, weight_decay=w) for w in (0.0, 0.5))
    before = _weights(plain)
    without = _difference(plain, before)
    with_decay = _difference(decayed, before)
    assert [v.name for v in network.trainable_variables].count("kernel") == 2
    for variable, was, a, b in zip(
        network.trainable_variables, before, without, with_decay, strict=True
    ):
        expected = 0.5 * was if variable.name == "kernel" else 0 * was
        np.testing.assert_allclose(a - b, expected, atol=1e-5)


def _difference(method: Method, before: list[np.ndarray]) -> list[np.ndarray]:
    """What one update from `before` adds to each weight; the weights are put back."""
    method.train_step(BATCH)
    after = _weights(method)
    for variable, value in zip(method.trainable_variables, before, strict=True):
        variable.assign(value)
    return [now - was for now, was in zip(after, before, strict=True)]


@pytest.mark.parametrize("nothing", [{"steps": 0}, {"steps": 3, "epsilon": 0.0}])
def test_pgd_at_without_an_attack_is_standard_to_the_bit(nothing):
    options = {"epsilon": 0.3, **nothing}
    attack = PGD(Threat("Linf", options.pop("epsilon")), **options)
    adversarial, standard = _method("pgd_at", attack=attack), _method("standard")
    for _ in range(3):
        adversarial.train_step(BATCH), standard.train_step(BATCH)
    for a, b in zip(_weights(adversarial), _weights(standard), strict=True):
        np.testing.assert_array_equal(a, b)


@both
@pytest.mark.parametrize("accumulate", [2, 4])
def test_parts_make_the_update_of_the_whole(name, accumulate):
    attack = PGD(Threat("Linf", 0.1), steps=2)
    trained = []
    for parts in (1, accumulate):
        network = networks.build("cnn-small", (2, 2, 1), 2, dtype="float64")
        method = _method(
            name, network, rate=0.05, attack=attack, weight_decay=DECAY, accumulate=parts
        )
        step = tf.function(method.train_step, autograph=False)
        results = [step(BATCH) for _ in range(2)][-1]
        trained.append((_weights(method), {k: float(v) for k, v in results.items()}))
        assert method.optimizer.iterations.numpy() == 2
    (whole, results), (parts, same_results) = trained
    for a, b in zip(whole, parts, strict=True):
        assert a.dtype == np.float64
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)
    assert results == pytest.approx(same_results, rel=1e-6)


@pytest.mark.parametrize("accumulate", [3, 16])
def test_parts_that_do_not_divide_are_refused(accumulate):
    expected = f"^--accumulate={accumulate} must divide each replica's batch of 8 images"
    with pytest.raises(InputError, match=expected):
        _method("standard", accumulate=accumulate).train_step(BATCH)


def test_each_update_draws_anew_and_the_seed_matters():
    def trained(seed):
        # Only the random start differs: the weights do not move.
        seen = []
        attack = PGD(Threat("Linf", 0.2), steps=1, step_size=0.0)

        def spying(victim, x, label, seeds):
            seen.append(attack(victim, x, label, seeds).numpy())
            return seen[-1]

        method = _method("pgd_at", attack=spying, rate=0.0, seed=seed)
        method.train_step(BATCH), method.train_step(BATCH)
        return seen

    first, again, other = trained(0), trained(0), trained(1)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first[0] - first[1]).max() > 0.1
    assert np.abs(first[0] - other[0]).max() > 0.1


def test_batch_norm_moves_once_an_update_by_the_training_images():
    norm = keras.layers.BatchNormalization(momentum=0.75)
    images = keras.Input((2, 2, 1))
    network = keras.Model(images, keras.layers.Dense(2)(keras.layers.Flatten()(norm(images))))
    method = _method("pgd_at", network, attack=PGD(Threat("Linf", 0.2), steps=2))
    seeds = draws.image_seeds(0, 0, BATCH[2])
    x_adv = method.attack(method.victim, *BATCH[:2], seeds).numpy()
    method.train_step(BATCH)
    np.testing.assert_allclose(norm.moving_mean, [0.25 * x_adv.mean()], rtol=1e-5)
    np.testing.assert_allclose(norm.moving_variance, [0.75 + 0.25 * x_adv.var()], rtol=1e-5)
    moved = norm.moving_mean.numpy()
    method.test_step(BATCH)
    np.testing.assert_array_equal(norm.moving_mean, moved)


def test_validation_ignores_padding():
    method = _method("standard", val_attack=named("fgsm", Threat("Linf", EPSILON)))
    # The last two are copies that only fill the batch: with a wrong label and a wild image.
    x, label = X.copy(), LABEL.copy()
    x[6:], label[6:] = 1.0, 1 - label[6:]
    index = tf.constant([0, 1, 2, 3, 4, 5, -1, -1])
    results = method.test_step((tf.constant(x), tf.constant(label), index))
    logits = X[:6].reshape(6, 4) @ WEIGHTS + BIAS
    losses = -np.log(softmax(logits)[np.arange(6), LABEL[:6]])
    attacked = _train_images("pgd_at")[:6].reshape(6, 4) @ WEIGHTS + BIAS
    assert {name: float(value) for name, value in results.items()} == pytest.approx(
        {
            "loss": losses.mean(),
            "accuracy": (logits.argmax(1) == LABEL[:6]).mean(),
            "adv_accuracy": (attacked.argmax(1) == LABEL[:6]).mean(),
        },
        rel=1e-5,
    )


def test_validation_without_an_attack_reports_no_adversarial_accuracy():
    assert set(_method("pgd_at").test_step(BATCH)) == {"loss", "accuracy"}


def test_fit_takes_the_method_and_means_over_the_epoch():
    method = _method("standard", rate=0.0)
    data = tf.data.Dataset.from_tensor_slices(BATCH).batch(4, drop_remainder=True).repeat()
    history = method.fit(data, epochs=2, steps_per_epoch=2, shuffle=False, verbose=0).history
    loss, accuracy, *_ = _numpy_update(X, 0.0)
    np.testing.assert_allclose(history["loss"], [loss, loss], rtol=1e-5)
    np.testing.assert_allclose(history["accuracy"], [accuracy, accuracy], rtol=1e-6)
    assert method.optimizer.iterations.numpy() == 4


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
