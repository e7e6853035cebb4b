"""Tests of robust_tf.callbacks: what is saved, when, and with which weights."""

import numpy as np
import pytest
import tensorflow as tf

from robust_tf import backup, callbacks, networks
from robust_tf.methods import Method
from tests import training
from tests.full_disk import full_after

EMA = {"use_ema": True, "ema_momentum": 0.5}


def _weights(model) -> list[np.ndarray]:
    return [v.numpy() for v in model.trainable_variables]


def _scored(run_dir, method: Method, scores: list[float], best: float = -1.0):
    """Ends an epoch a score, each with other weights; gives what is best and last after each."""
    checkpoints = callbacks.Checkpoints(run_dir, "score", backup.Progress(0, best))
    checkpoints.set_model(method)
    folder, kept = run_dir / "checkpoints", []
    for epoch, score in enumerate(scores):
        for variable in method.trainable_variables:
            variable.assign(tf.fill(variable.shape, float(epoch)))
        checkpoints.on_epoch_end(epoch, {"score": score})
        files = [folder / name for name in ("best.keras", "last.keras")]
        loaded = [networks.load(f) if f.exists() else None for f in files]
        kept.append(tuple(n and int(n.trainable_variables[0].numpy().max()) for n in loaded))
    return kept


def test_best_is_written_when_it_is_better_and_last_always(tmp_path):
    scores = [0.5, 0.25, 0.5, 0.75, float("nan"), 0.0]
    kept = _scored(tmp_path, training.method(), scores)
    assert kept == [(0, 0), (0, 1), (0, 2), (3, 3), (3, 4), (3, 5)]
    assert backup.restore(tmp_path, training.method()) == backup.Progress(6, 0.75)
    assert sorted(p.name for p in tmp_path.rglob("*.*")) == [
        *("best.keras", "last.keras", "state.npz")
    ]


def test_a_resumed_run_knows_its_best(tmp_path):
    assert _scored(tmp_path, training.method(), [0.5, 0.75], best=0.625) == [(None, 0), (1, 1)]


def test_the_backup_comes_last_and_a_failing_write_leaves_all_as_it_was(tmp_path):
    method = training.method()
    _scored(tmp_path, method, [0.5])
    files = {p: p.read_bytes() for p in tmp_path.rglob("*.*")}
    with full_after(1024), pytest.raises(OSError):
        _scored(tmp_path, method, [0.75])
    assert {p: p.read_bytes() for p in files} == files
    # Where only best.keras cannot be written, the epoch does not count as finished either.
    (tmp_path / "checkpoints" / "best.keras").unlink()
    (tmp_path / "checkpoints" / "best.keras").mkdir()
    with pytest.raises(OSError):
        _scored(tmp_path, method, [0.75])
    assert (tmp_path / "backup" / "state.npz").read_bytes() == files[
        tmp_path / "backup" / "state.npz"
    ]


def test_checkpoints_hold_the_averages_and_the_backup_the_trainings_weights(tmp_path):
    method, again = training.method(**EMA), training.method(**EMA)
    for _ in range(3):
        method.train_step(training.BATCH)
    own = _weights(method)
    average = [v.numpy() for v in method.optimizer._model_variables_moving_average]
    assert np.abs(own[0] - average[0]).max() > 1e-3
    checkpoints = callbacks.Checkpoints(tmp_path, "score", backup.Progress())
    checkpoints.set_model(method)
    checkpoints.on_epoch_end(0, {"score": 0.5})
    backup.restore(tmp_path, again)
    files = [networks.load(tmp_path / "checkpoints" / f"{n}.keras") for n in ("best", "last")]
    for holder, expected in ((method, own), (again, own), *((f, average) for f in files)):
        for got, wanted in zip(_weights(holder), expected, strict=True):
            np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("options", [EMA, {}], ids=["averages", "none"])
def test_validation_judges_the_averages_where_there_are_any(options):
    method = training.method(**options)
    for _ in range(3):
        method.train_step(training.BATCH)
    own = _weights(method)
    averages = method.optimizer._model_variables_moving_average if options else own
    expected = [np.array(v) for v in averages]
    swap = callbacks.AveragedEvaluation()
    swap.set_model(method)
    swap.on_test_begin()
    during = _weights(method)
    swap.on_test_end()
    for got, wanted in zip([*during, *_weights(method)], [*expected, *own], strict=True):
        np.testing.assert_array_equal(got, wanted)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
