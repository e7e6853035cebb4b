"""Tests of robust_tf.backup: what is restored goes on as if it had never stopped."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from robust_tf import backup, optim
from robust_tf.errors import InputError
from robust_tf.methods import METHODS, Method
from tests.full_disk import full_after
from tests.linear import random_images

BATCH = (tf.constant(random_images(8)), tf.constant([0, 1] * 4), tf.range(8))
OPTIMIZERS = {
    "SGD": lambda: optim.SGD(0.1, momentum=0.9),
    "SGD with averages": lambda: optim.SGD(0.1, momentum=0.9, use_ema=True, ema_momentum=0.9),
    "Adam": lambda: optim.Adam(0.01),
    "Adam with averages": lambda: optim.Adam(0.01, use_ema=True, ema_momentum=0.9),
}
each_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)


def _method(optimizer=OPTIMIZERS["SGD"], classes: int = 2, seed: int = 0, **dtype) -> Method:
    """A network with batch norm, its weights drawn from a seed."""
    images = keras.Input((2, 2, 1))
    x = keras.layers.BatchNormalization(**dtype)(keras.layers.Flatten(**dtype)(images))
    kernel = keras.initializers.GlorotNormal(seed)
    logits = keras.layers.Dense(classes, kernel_initializer=kernel, **dtype)(x)
    method = METHODS["standard"](keras.Model(images, logits))
    method.compile(optimizer())
    return method


def _variables(method: Method) -> list[np.ndarray]:
    """All that a run is made of, read without the module that is tested."""
    return [v.numpy() for v in (*method.network.variables, *method.optimizer.variables)]


def _assert_same(a: Method, b: Method) -> None:
    for one, other in zip(_variables(a), _variables(b), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@each_optimizer
def test_it_goes_on_to_the_bit(optimizer, tmp_path):
    alone = _method(optimizer)
    for _ in range(3):
        alone.train_step(BATCH)
    backup.save(tmp_path, alone, backup.Progress(3, 0.1 + 0.2))
    again = _method(optimizer, seed=1)
    assert backup.restore(tmp_path, again) == backup.Progress(3, 0.1 + 0.2)
    _assert_same(again, alone)
    alone.train_step(BATCH)
    again.train_step(BATCH)
    assert again.optimizer.iterations.numpy() == 4
    _assert_same(again, alone)


def test_float64_keeps_every_bit(tmp_path):
    trained, again = (_method(seed=seed, dtype="float64") for seed in (0, 1))
    trained.train_step(BATCH)
    backup.save(tmp_path, trained, backup.Progress(1, 0.5))
    backup.restore(tmp_path, again)
    _assert_same(again, trained)


def test_without_a_state_a_run_is_at_its_beginning(tmp_path):
    method, untouched = _method(), _method()
    assert backup.restore(tmp_path, method) == backup.Progress(epochs=0, best=-1.0)
    _assert_same(method, untouched)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "other",
    [{"classes": 3}, {"optimizer": OPTIMIZERS["Adam"]}, {"optimizer": lambda: optim.SGD(0.1)}],
    ids=["network", "optimizer", "fewer slots"],
)
def test_a_state_of_another_run_is_refused_and_nothing_touched(other, tmp_path):
    backup.save(tmp_path, _method(), backup.Progress(1, 0.5))
    method, untouched = _method(**other), _method(**other)
    with pytest.raises(InputError, match="state.npz holds another network or optimizer than the"):
        backup.restore(tmp_path, method)
    _assert_same(method, untouched)


def test_a_failing_write_leaves_the_state_before(tmp_path):
    method, again = _method(), _method(seed=1)
    backup.save(tmp_path, method, backup.Progress(1, 0.5))
    before = _variables(method)
    method.train_step(BATCH)
    with full_after(1024), pytest.raises(OSError):
        backup.save(tmp_path, method, backup.Progress(2, 0.75))
    assert backup.restore(tmp_path, again) == backup.Progress(1, 0.5)
    for one, other in zip(_variables(again), before, strict=True):
        np.testing.assert_array_equal(one, other)
    backup.save(tmp_path, method, backup.Progress(2, 0.75))
    assert [p.name for p in (tmp_path / "backup").iterdir()] == ["state.npz"]
    assert backup.restore(tmp_path, again) == backup.Progress(2, 0.75)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
