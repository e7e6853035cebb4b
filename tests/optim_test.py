"""Tests of robust_tf.optim."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from robust_tf import optim

START = np.array([1.0, -2.0, 0.5])
# A gradient an update.
GRADIENTS = np.array([[1.0, 2.0, -3.0], [0.5, -1.0, 4.0], [-2.0, 0.0, 1.0], [1.0, 1.0, 1.0]])
RATES = [0.1, 0.1, 0.01, 0.001]
RATE = dict(drops=(2, 3), drop_factor=0.1)


def _applied(optimizer, gradients=GRADIENTS, dtype: str = "float64") -> list[np.ndarray]:
    """The weights after each update."""
    weights = keras.Variable(START, dtype=dtype)
    optimizer.build([weights])
    values = []
    for gradient in gradients:
        optimizer.apply([tf.constant(gradient, dtype)], [weights])
        values.append(weights.numpy())
    return values


def _tensorflow_1(momentum: float, nesterov: bool) -> list[np.ndarray]:
    """What TensorFlow 1's MomentumOptimizer documents: the rate is no part of the velocity."""
    weights, velocity, values = START, np.zeros(3), []
    for gradient, rate in zip(GRADIENTS, RATES, strict=True):
        velocity = momentum * velocity + gradient
        weights = weights - rate * (gradient + momentum * velocity if nesterov else velocity)
        values.append(weights)
    return values


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_keeps_the_rate_outside_the_velocity(momentum, nesterov):
    rate = optim.schedule("piecewise", 0.1, 4, **RATE)
    values = _applied(optim.SGD(rate, momentum=momentum, nesterov=nesterov))
    # The schedule's rates are float32.
    np.testing.assert_allclose(values, _tensorflow_1(momentum, nesterov), rtol=1e-6)


def test_sgd_differs_from_keras_only_when_the_rate_changes():
    rate = optim.schedule("piecewise", 0.1, 4, **RATE)
    ours, theirs = (
        _applied(kind(rate, momentum=0.9)) for kind in (optim.SGD, keras.optimizers.SGD)
    )
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-6)
    assert np.abs(ours[2] - theirs[2]).max() > 1e-3


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
def test_without_clipping_a_constant_rate_is_keras(kind):
    theirs = {optim.SGD: keras.optimizers.SGD, optim.Adam: keras.optimizers.Adam}[kind]
    np.testing.assert_allclose(_applied(kind(0.125)), _applied(theirs(0.125)), rtol=1e-6)


def test_clipping_shrinks_the_whole_gradient_by_hand():
    first, second = keras.Variable(np.zeros(1)), keras.Variable(np.zeros(2))
    optimizer = optim.SGD(1.0, clip_norm=1.0)
    # Together of length 5, then of length 1/2.
    for gradients in (([3.0], [0.0, 4.0]), ([0.3], [0.4, 0.0])):
        optimizer.apply([tf.constant(g) for g in gradients], [first, second])
    np.testing.assert_allclose(first, [-0.6 - 0.3], rtol=1e-6)
    np.testing.assert_allclose(second, [-0.4, -0.8], rtol=1e-6)


def test_clipping_reaches_adam():
    # Adam's first step is blind to the gradient's length, its second is not.
    gradients = GRADIENTS[:2] * [[100.0], [1.0]]
    free, clipped = (_applied(optim.Adam(0.1, clip_norm=c), gradients) for c in (None, 1.0))
    np.testing.assert_allclose(free[0], clipped[0], rtol=1e-4)
    assert np.abs(free[1] - clipped[1]).max() > 1e-3
    scaled = [g / max(1, np.linalg.norm(g)) for g in gradients]
    np.testing.assert_allclose(clipped, _applied(optim.Adam(0.1), scaled), rtol=1e-6)


def _rates(schedule, steps) -> list[float]:
    return [float(schedule(tf.constant(step, tf.int64))) for step in steps]


def test_piecewise_drops_after_exactly_so_many_updates():
    schedule = optim.schedule("piecewise", 0.5, 10, drops=(3, 5), drop_factor=0.2)
    expected = [0.5, 0.5, 0.5, 0.1, 0.1, 0.02, 0.02]
    np.testing.assert_allclose(_rates(schedule, range(7)), expected, rtol=1e-6)


@pytest.mark.parametrize("kind", ["constant", "piecewise"])
def test_without_drops_the_rate_stays(kind):
    np.testing.assert_allclose(_rates(optim.schedule(kind, 0.5, 10), (0, 1, 9, 99)), 0.5)


def test_constant_ignores_drops():
    schedule = optim.schedule("constant", 0.5, 10, drops=(1,))
    np.testing.assert_allclose(_rates(schedule, range(3)), 0.5)


def test_cosine_by_hand_ends_at_nothing():
    expected = [0.4, 0.2 * (1 + np.sqrt(0.5)), 0.2, 0.0, 0.0]
    schedule = optim.schedule("cosine", 0.4, 8)
    np.testing.assert_allclose(_rates(schedule, (0, 2, 4, 8, 9)), expected, atol=1e-7)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        # Linear from 0.1 over four updates, towards the schedule's own value at the fourth.
        ("constant", [0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.5]),
        ("piecewise", [0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.05]),
        (
            "cosine",
            [
                0.1,
                0.1375,
                0.175,
                0.2125,
                0.25,
                *(0.25 * (1 + np.cos(np.pi * np.array([5, 6]) / 8))),
            ],
        ),
    ],
)
def test_warmup_by_hand(kind, expected):
    schedule = optim.schedule(kind, 0.5, 8, drops=(6,), warmup_steps=4, warmup_from=0.1)
    np.testing.assert_allclose(_rates(schedule, range(7)), expected, rtol=1e-6)


@pytest.mark.parametrize("rate", [0.1, 0.0125])
def test_a_warmup_that_would_not_rise_is_left_out(rate):
    made = optim.schedule("piecewise", rate, 9, drops=(6,), warmup_steps=4, warmup_from=0.1)
    rates = [float(made(tf.constant(k))) for k in range(9)]
    np.testing.assert_allclose(rates, [rate] * 6 + [rate / 10] * 3, rtol=1e-6)


def test_another_schedule_is_refused():
    with pytest.raises(ValueError, match="Expected constant, piecewise or cosine, got 'linear'"):
        optim.schedule("linear", 0.1, 10)


@pytest.mark.parametrize("kind", ["constant", "piecewise", "cosine"])
@pytest.mark.parametrize("warmup_steps", [0, 3])
def test_an_optimizer_is_built_again_from_its_configuration(kind, warmup_steps):
    rate = optim.schedule(kind, 0.5, 8, drops=(2,), warmup_steps=warmup_steps)
    saved = keras.saving.serialize_keras_object(optim.SGD(rate, momentum=0.9, clip_norm=2.0))
    again = keras.saving.deserialize_keras_object(saved)
    assert type(again) is optim.SGD and again.clip_norm == 2.0 and again.momentum == 0.9
    np.testing.assert_array_equal(_rates(again._learning_rate, range(8)), _rates(rate, range(8)))


def _model(**options) -> keras.Model:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(optim.SGD(1.0, **options))
    model.layers[0].kernel.assign(START.reshape(3, 1))
    model.optimizer.build(model.trainable_variables)
    return model


def _update(model: keras.Model, gradient: float) -> np.ndarray:
    model.optimizer.apply([tf.fill((3, 1), gradient)], model.trainable_variables)
    return model.layers[0].kernel.numpy()


def test_averaged_weights_by_hand_and_back_to_the_bit():
    model = _model(use_ema=True, ema_momentum=0.75)
    first, second = _update(model, 1 / 3), _update(model, 0.1)
    kernel = model.layers[0].kernel
    with optim.averaged_weights(model):
        # The average begins with the weights after the first update.
        np.testing.assert_allclose(kernel, 0.75 * first + 0.25 * second, rtol=1e-6)
    np.testing.assert_array_equal(kernel, second)
    with pytest.raises(KeyError), optim.averaged_weights(model):
        raise KeyError
    np.testing.assert_array_equal(kernel, second)


def test_without_averaging_the_weights_stay_themselves():
    model = _model()
    now = _update(model, 0.5)
    with optim.averaged_weights(model):
        np.testing.assert_array_equal(model.layers[0].kernel, now)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
