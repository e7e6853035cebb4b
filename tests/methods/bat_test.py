"""Tests of robust_tf.methods.bat: updates of a linear network beside a NumPy computation."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from robust_tf import networks, optim
from robust_tf.attacks import PGD, fgsm
from robust_tf.attacks.aims import MOST_CONFUSING
from robust_tf.errors import InputError
from robust_tf.methods import Method
from robust_tf.methods.bat import BilateralAdversarialTraining
from robust_tf.methods.pgd_at import PGDAdversarialTraining
from robust_tf.methods.standard import Standard
from robust_tf.threat import Threat
from tests.linear import linear_network, random_images, softmax

WEIGHTS = np.array([[1.0, -1.0, 0.5], [0.5, 2.0, -1.0], [-2.0, 0.25, 1.0], [1.5, 0.5, -0.75]])
BIAS = np.array([0.25, -0.5, 0.125])
X = random_images(8)
LABEL = np.array([0, 1, 2, 0, 1, 2, 0, 1])
BATCH = (tf.constant(X), tf.constant(LABEL), tf.range(8))
RATE, DECAY, EPSILON, BETA, GAMMA = 0.5, 0.1, 0.125, 4.0, 0.25
R_MC = PGD(Threat("Linf", EPSILON), aim=MOST_CONFUSING, steps=1, step_size=EPSILON)


def _method(kind: type[Method] = BilateralAdversarialTraining, network=None, **options) -> Method:
    method = kind(network or linear_network(WEIGHTS, BIAS), **options)
    method.compile(optim.SGD(RATE))
    return method


def _step(method: Method, graph: bool = True) -> dict[str, float]:
    step = tf.function(method.train_step, autograph=False) if graph else method.train_step
    return {name: float(value) for name, value in step(BATCH).items()}


def _weights(method: Method) -> list[np.ndarray]:
    return [v.numpy() for v in method.trainable_variables]


def _logits(x: np.ndarray) -> np.ndarray:
    return x.reshape(8, 4) @ WEIGHTS + BIAS


def _towards_the_most_confusing() -> np.ndarray:
    """One step of size epsilon from the image itself down the cross-entropy of the target."""
    wrong = np.where(np.eye(3, dtype=bool)[LABEL], -np.inf, _logits(X))
    error = softmax(_logits(X)) - np.eye(3)[wrong.argmax(axis=1)]
    return np.clip(X - EPSILON * np.sign(error @ WEIGHTS.T).reshape(X.shape), 0, 1)


def _adversarial(logits: np.ndarray) -> np.ndarray:
    """Equations 14 and 18, image by image."""
    y = np.zeros_like(logits)
    for i, v in enumerate(-np.log(softmax(logits))):
        others = [k for k in range(3) if k != LABEL[i]]
        share = (v[others] - v[others].min() + GAMMA) / (
            v[others].sum() / 2 - v[others].min() + GAMMA
        )
        eps_y = 1 / (1 + BETA / 2 * share.max())
        y[i, others] = eps_y / 2 * share
        y[i, LABEL[i]] = 1 - eps_y
    return y


def _smooth(logits: np.ndarray) -> np.ndarray:
    eps_y = 1 / (1 + BETA / 2)
    return np.where(np.eye(3, dtype=bool)[LABEL], 1 - eps_y, eps_y / 2)


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("expected", [_adversarial, _smooth], ids=["adversarial", "smooth"])
def test_an_update_equals_numpy(expected, graph):
    method = _method(
        attack=fgsm(R_MC.threat, aim=MOST_CONFUSING),
        labels=expected.__name__.strip("_"),
        beta=BETA,
        gamma=GAMMA,
        weight_decay=DECAY,
    )
    results = _step(method, graph)
    # The labels are of the clean images, and constant: they add nothing to the gradient.
    x_adv, y_adv = _towards_the_most_confusing(), expected(_logits(X))
    p = softmax(_logits(x_adv))
    error = (p - y_adv) / 8
    weights = WEIGHTS - RATE * (x_adv.reshape(8, 4).T @ error + DECAY * WEIGHTS)
    np.testing.assert_allclose(_weights(method)[0], weights, atol=1e-5)
    np.testing.assert_allclose(_weights(method)[1], BIAS - RATE * error.sum(axis=0), atol=1e-5)
    assert results == pytest.approx(
        {
            "loss": -(y_adv * np.log(p)).sum(axis=1).mean(),
            "adv_accuracy": (p.argmax(axis=1) == LABEL).mean(),
            "label_budget": 1 - y_adv[np.arange(8), LABEL].mean(),
        },
        rel=1e-5,
    )


def _updated(kind: type[Method], **options) -> list[np.ndarray]:
    """The weights of a network without batch norm after three updates."""
    method = _method(kind, networks.build("cnn-small", (2, 2, 1), 3), **options)
    for _ in range(3):
        _step(method)
    return _weights(method)


@pytest.mark.parametrize("attack", [R_MC, PGD(Threat("Linf", 0.25), steps=2)], ids=["MC", "PGD"])
@pytest.mark.parametrize("special", [{"beta": np.inf}, {"labels": "one_hot"}], ids=str)
def test_infinite_beta_is_pgd_at_to_the_bit(attack, special):
    bat = _updated(BilateralAdversarialTraining, attack=attack, **special)
    pgd_at = _updated(PGDAdversarialTraining, attack=attack)
    for a, b in zip(bat, pgd_at, strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_epsilon_and_with_one_hot_labels_it_is_standard_to_the_bit():
    attack = PGD(Threat("Linf", 0.0), aim=MOST_CONFUSING, steps=1)
    bat = _updated(BilateralAdversarialTraining, attack=attack, labels="one_hot")
    for a, b in zip(bat, _updated(Standard), strict=True):
        np.testing.assert_array_equal(a, b)


def test_smooth_labels_are_label_smoothing():
    # eps_y = 1 / (1 + 4 / 2) = 1/3, and (1 - a) + a / 3 = 2/3 where a is a half.
    bat = _updated(BilateralAdversarialTraining, attack=R_MC, labels="smooth", beta=4.0)
    pgd_at = _updated(PGDAdversarialTraining, attack=R_MC, label_smoothing=0.5)
    for a, b in zip(bat, pgd_at, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_label_smoothing_comes_on_top_of_the_adversarial_labels():
    # 1 - 0.25 of each label y', and a quarter of the uniform one.
    method = _method(attack=PGD(R_MC.threat, steps=0), beta=BETA, gamma=GAMMA, label_smoothing=0.25)
    y = 0.75 * _adversarial(_logits(X)) + 0.25 / 3
    loss = -(y * np.log(softmax(_logits(X)))).sum(axis=1).mean()
    assert _step(method)["loss"] == pytest.approx(loss, rel=1e-5)


def test_labels_are_those_of_inference_and_only_the_training_images_move_batch_norm():
    norm = keras.layers.BatchNormalization(momentum=0.75)
    images = keras.Input((2, 2, 1))
    dense = keras.layers.Dense(3)
    network = keras.Model(images, dense(keras.layers.Flatten()(norm(images))))
    dense.set_weights([WEIGHTS, BIAS])
    # Not the batch's own: the labels of training mode would be others.
    norm.moving_mean.assign([-1.0])
    method = _method(network=network, attack=R_MC, beta=BETA, gamma=GAMMA)
    x_adv = R_MC(method.victim, X, BATCH[1], method.seeds(BATCH[2])).numpy()
    budgets = [
        1 - _adversarial(network(X, training=mode).numpy())[np.arange(8), LABEL].mean()
        for mode in (False, True)
    ]
    norm.moving_mean.assign([-1.0])
    norm.moving_variance.assign([1.0])
    assert _step(method)["label_budget"] == pytest.approx(budgets[0], rel=1e-5)
    assert abs(budgets[0] - budgets[1]) > 1e-3
    np.testing.assert_allclose(norm.moving_mean, [-0.75 + 0.25 * x_adv.mean()], rtol=1e-5)
    np.testing.assert_allclose(norm.moving_variance, [0.75 + 0.25 * x_adv.var()], rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"labels": "smoth"}, "--bat_labels=smoth is unknown; did you mean smooth?"),
        ({"beta": 0.5}, "--bat_beta=0.5 must be at least 1"),
        ({"beta": float("nan")}, "--bat_beta=nan must be at least 1"),
        ({"gamma": 0.0}, "--bat_gamma=0.0 must be a number above 0."),
        ({"gamma": float("inf")}, "--bat_gamma=inf must be a number above 0."),
    ],
)
def test_bad_options_are_refused(options, sentence):
    with pytest.raises(InputError) as refusal:
        _method(**options)
    assert str(refusal.value).startswith(sentence)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
