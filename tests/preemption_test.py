"""Tests of robust_tf.preemption: a run that is told to end is saved, and goes on to the bit."""

import os
import signal

import keras
import numpy as np
import pytest

from robust_tf import backup, callbacks
from robust_tf.errors import Preempted
from robust_tf.preemption import Backups, Termination, ending
from tests import training

STEPS = 3
EMA = {"use_ema": True, "ema_momentum": 0.5}


class Sigterm(keras.callbacks.Callback):
    """Sends this process SIGTERM after a batch of an epoch, or after the epoch."""

    def __init__(self, when: str, epoch: int, batch: int = 0):
        super().__init__()
        self.when, self.at = when, (epoch, batch)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def _now(self, when, batch):
        if (when, (self.epoch, batch)) == (self.when, self.at):
            os.kill(os.getpid(), signal.SIGTERM)

    def on_train_batch_end(self, batch, logs=None):
        self._now("training", batch)

    def on_test_batch_end(self, batch, logs=None):
        self._now("validation", batch)

    def on_epoch_end(self, epoch, logs=None):
        self._now("end", 0)


def _train(run_dir, *watching) -> None:
    """Two epochs of three updates, or what is left of them."""
    method = training.method(**EMA)
    begun = backup.restore(run_dir, method)
    averaging = callbacks.AveragedEvaluation()
    history = run_dir / "history.csv"
    callbacks.trim_history(history, begun.epochs)
    checkpoints = callbacks.Checkpoints(run_dir, "val_accuracy", begun)
    with Termination() as termination:
        backups = Backups(termination, bool, begun, None, averaging.swap.close, checkpoints.back_up)
        log = keras.callbacks.CSVLogger(str(history), append=True)
        fitted = (*watching, averaging, log, checkpoints, backups)
        training.fit(method, *fitted, steps=STEPS, first_epoch=begun.epochs)


def _state(run_dir) -> dict[str, np.ndarray]:
    with np.load(run_dir / "backup" / "state.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A run that was left alone."""
    run_dir = tmp_path_factory.mktemp("alone")
    _train(run_dir)
    return run_dir


@pytest.mark.parametrize(
    ("when", "saved", "done"),
    [
        (("training", 1, 1), (1, 2), "update 2 of epoch 2"),
        (("validation", 1), (1, STEPS), "the updates of epoch 2"),
        (("end", 0), (1, 0), "epoch 1"),
    ],
    ids=["training", "validation", "end"],
)
def test_it_goes_on_to_the_bit_wherever_it_was_told_to_end(when, saved, done, alone, tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    expected = f"^Ended by SIGTERM: saved after {done}; the same command goes on there.$"
    with pytest.raises(Preempted, match=expected):
        _train(tmp_path, Sigterm(*when))
    assert signal.getsignal(signal.SIGTERM) is before
    assert (int(_state(tmp_path)["epochs"]), int(_state(tmp_path)["steps"])) == saved
    _train(tmp_path)
    expected, found = _state(alone), _state(tmp_path)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    assert (tmp_path / "history.csv").read_text() == (alone / "history.csv").read_text()


def test_a_second_signal_would_end_the_process_at_once():
    with Termination() as termination:
        assert not termination.wanted
        os.kill(os.getpid(), signal.SIGTERM)
        assert termination.wanted
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_what_saves_on_any_error_ends_with_one():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Preempted, match="^Ended by SIGTERM: what was found is saved; the same"):
        with ending():
            os.kill(os.getpid(), signal.SIGTERM)
            pytest.fail("it did not end")
    assert signal.getsignal(signal.SIGTERM) is before


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
