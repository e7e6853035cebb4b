"""Tests of robust_tf.callbacks: progress, the guard against NaN, and the history."""

import csv
import time

import keras
import pytest

from robust_tf import backup, callbacks
from tests import training
from tests.full_disk import full_after


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand: a list with the time in it."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def _progress(first_epoch: int) -> callbacks.ProgressLine:
    line = callbacks.ProgressLine(batch_size=32, begun=backup.Progress(first_epoch))
    line.set_params({"epochs": 3, "steps": 4})
    line.on_train_begin()
    return line


def test_the_line_counts_steps_images_and_the_time_left(clock, capsys):
    line = _progress(first_epoch=0)
    line.on_epoch_begin(0)
    for batch, seconds in enumerate((20, 4, 4, 4)):
        clock[0] += seconds
        line.on_train_batch_end(batch, {"loss": 0.5, "accuracy": 0.25})
    clock[0] += 8
    logs = {"loss": 0.5, "val_accuracy": 0.75}
    line.on_epoch_end(0, logs)
    # 11 more steps like the first; then 8 more steps at 10 seconds each, with the validation.
    assert capsys.readouterr().out.splitlines() == [
        "epoch 1/3  step 1/4  loss 0.5000  accuracy 0.2500  2 images/s  3 min 40 s left",
        "epoch 1/3  step 4/4  loss 0.5000  val_accuracy 0.7500  4 images/s  1 min 20 s left",
    ]
    # 128 images in 32 seconds of training.
    assert logs["images_per_second"] == 4


def test_a_resumed_run_has_less_left(clock, capsys):
    line = _progress(first_epoch=1)
    line.on_epoch_begin(1)
    for batch in range(4):
        clock[0] += 0.0078125
        line.on_train_batch_end(batch, {})
    clock[0] += 3.96875
    line.on_epoch_end(1, {"loss": 0.125})
    expected = "epoch 2/3  step 4/4  loss 0.1250  4,096 images/s  4 s left\n"
    assert capsys.readouterr().out == expected


def test_the_history_has_the_images_per_second(tmp_path):
    history = tmp_path / "history.csv"
    watching = callbacks.ProgressLine(8, backup.Progress()), keras.callbacks.CSVLogger(str(history))
    training.fit(training.method(), *watching)
    with open(history, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert all(float(row["images_per_second"]) > 0 for row in rows)
    assert {"loss", "adv_accuracy", "val_loss", "val_accuracy", "val_adv_accuracy"} < set(rows[0])


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_names_epoch_step_and_checkpoint(loss, tmp_path):
    stop = callbacks.NaNStop(tmp_path)
    stop.on_epoch_begin(2)
    stop.on_train_batch_end(4, {"loss": 0.5})
    expected = f"^The loss is {loss} at epoch 3, step 6; none is saved. A lower --lr"
    with pytest.raises(FloatingPointError, match=expected):
        stop.on_train_batch_end(5, {"loss": loss})
    last = tmp_path / "checkpoints" / "last.keras"
    last.parent.mkdir()
    last.touch()
    expected = f"at epoch 3, step 7; the last good checkpoint is {last}. A lower --lr"
    with pytest.raises(FloatingPointError, match=expected):
        stop.on_train_batch_end(6, {"loss": loss})


def _training(tmp_path) -> list[keras.callbacks.Callback]:
    checkpoints = callbacks.Checkpoints(tmp_path, "val_adv_accuracy", backup.Progress())
    return [callbacks.NaNStop(tmp_path), callbacks.AveragedEvaluation(), checkpoints]


def test_training_ends_at_the_step_whose_loss_is_no_number(tmp_path):
    with pytest.raises(FloatingPointError, match="at epoch 1, step 2; none is saved"):
        training.fit(training.method(rate=float("inf")), *_training(tmp_path))
    assert not list(tmp_path.iterdir())


def test_weights_that_an_epochs_last_update_broke_are_not_saved_as_good(tmp_path):
    expected = "^The validation loss is nan after epoch 1, step 1; none is saved"
    with pytest.raises(FloatingPointError, match=expected):
        training.fit(training.method(rate=float("inf")), *_training(tmp_path), steps=1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("epochs", "kept"), [(0, []), (2, ["0", "1"]), (3, ["0", "1", "2"])])
def test_the_history_loses_what_the_backup_does_not_have(epochs, kept, tmp_path):
    path = tmp_path / "history.csv"
    rows = [["epoch", "loss"], *([str(i), f"{i}.5"] for i in range(3))]
    path.write_text("".join(",".join(row) + "\n" for row in rows))
    callbacks.trim_history(path, epochs)
    with open(path, newline="") as file:
        assert list(csv.reader(file)) == [rows[0], *([e, f"{e}.5"] for e in kept)]
    assert list(tmp_path.iterdir()) == [path]


def test_the_history_of_a_run_killed_in_its_first_epoch_begins_anew(tmp_path):
    path = tmp_path / "history.csv"
    callbacks.trim_history(path, 0)
    assert not path.exists()
    killed = keras.callbacks.CSVLogger(str(path), append=True)
    killed.on_train_begin()
    killed.csv_file.close()
    callbacks.trim_history(path, 0)
    training.fit(training.method(), keras.callbacks.CSVLogger(str(path), append=True))
    with open(path, newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1"]


def test_a_history_that_cannot_be_written_stays(tmp_path):
    path = tmp_path / "history.csv"
    text = "epoch,loss\n" + "".join(f"{i},0.125\n" for i in range(1000))
    path.write_text(text)
    with full_after(1024), pytest.raises(OSError):
        callbacks.trim_history(path, 999)
    assert path.read_text() == text


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
