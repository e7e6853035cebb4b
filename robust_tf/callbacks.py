"""What happens beside training: progress, the guard against NaN, validation, checkpoints."""

import contextlib
import csv
import math
import pathlib
import time

import keras

from robust_tf import backup, files, optim, progress


class ProgressLine(keras.callbacks.Callback):
    """Epoch, step, the epoch's means so far, images per second, and the time left of the run."""

    def __init__(self, batch_size: int, begun: backup.Progress):
        super().__init__()
        self.batch_size, self.begun = batch_size, begun

    def on_train_begin(self, logs=None):
        """Starts the clock."""
        self.line = progress.Line()
        self.started = time.monotonic()
        self.done, self.training_seconds = 0, 0.0

    def on_epoch_begin(self, epoch, logs=None):
        """Remembers where the epoch began."""
        self.epoch, self.step_begun = epoch, time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        """Shows the line when it is time."""
        now = time.monotonic()
        if self.begun.has(self.epoch, batch + 1):
            self.step_begun = now
            return
        self.done += 1
        self.training_seconds += now - self.step_begun
        self.step_begun = now
        if self.line.due():
            self.line.show(self._text(batch + 1, logs))

    def on_epoch_end(self, epoch, logs=None):
        """Keeps the epoch's line, and adds images per second to what the logs record."""
        self.line.keep(self._text(self.params["steps"], logs))
        logs["images_per_second"] = self._speed()

    def _speed(self) -> float:
        return self.done * self.batch_size / max(self.training_seconds, 1e-9)

    def _text(self, step, logs) -> str:
        epochs, steps = self.params["epochs"], self.params["steps"]
        left = (epochs - self.begun.epochs) * steps - self.begun.steps - self.done
        # Validation is part of the time an epoch takes.
        seconds_left = (time.monotonic() - self.started) / max(self.done, 1) * left
        values = "  ".join(f"{name} {value:.4f}" for name, value in logs.items())
        return (
            f"epoch {self.epoch + 1}/{epochs}  step {step}/{steps}  {values}  "
            f"{self._speed():,.0f} images/s  {progress.duration(seconds_left)} left"
        )


class NaNStop(keras.callbacks.Callback):
    """Ends the run at the first loss that is not a number, naming the step and what is still good.

    Keras' TerminateOnNaN names neither.
    """

    def __init__(self, run_dir: pathlib.Path):
        super().__init__()
        self.last = run_dir / "checkpoints" / "last.keras"

    def on_epoch_begin(self, epoch, logs=None):
        """Remembers the epoch for the message."""
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        """Looks at the loss."""
        self._check(logs["loss"], f"The loss is {logs['loss']} at", batch + 1)

    def on_epoch_end(self, epoch, logs=None):
        """Looks at what the epoch's last update left, before that is saved as good."""
        value = logs["val_loss"]
        self._check(value, f"The validation loss is {value} after", self.params["steps"])

    def _check(self, value, what, step):
        if math.isfinite(value):
            return
        good = f"the last good checkpoint is {self.last}" if self.last.exists() else "none is saved"
        raise FloatingPointError(
            f"{what} epoch {self.epoch + 1}, step {step}; {good}. "
            "A lower --lr, a --warmup_epochs or a --clip_norm may help."
        )


class SharedStatistics(keras.callbacks.Callback):
    """Makes one network of the replicas' before it is validated and saved."""

    def on_test_begin(self, logs=None):
        """On every worker, since they exchange their statistics."""
        self.model.share_statistics()


class AveragedEvaluation(keras.callbacks.Callback):
    """Validates the averaged weights, where the optimizer keeps them."""

    def __init__(self):
        super().__init__()
        self.swap = contextlib.ExitStack()

    def on_test_begin(self, logs=None):
        """Puts the averaged weights in."""
        self.swap.enter_context(optim.averaged_weights(self.model))

    def on_test_end(self, logs=None):
        """Puts the training's weights back."""
        self.swap.close()


class Checkpoints(keras.callbacks.Callback):
    """Writes last.keras, best.keras (by `monitor`) and the backup after each epoch."""

    def __init__(self, run_dir: pathlib.Path, monitor: str, begun: backup.Progress):
        super().__init__()
        self.run_dir, self.monitor, self.begun, self.best = run_dir, monitor, begun, begun.best

    def back_up(self, epochs: int, steps: int = 0, unfinished: dict | None = None) -> None:
        """Writes the backup.

        Args:
          epochs: how many are finished.
          steps: updates of the next one.
          unfinished: what else going on there needs.
        """
        progress = self.begun._replace(epochs=epochs, best=self.best, steps=steps)
        backup.save(self.run_dir, self.model, progress, unfinished)

    def on_epoch_end(self, epoch, logs=None):
        """Writes them, the backup last: what it says is finished is on disk."""
        folder = self.run_dir / "checkpoints"
        with optim.averaged_weights(self.model):
            self._write(folder / "last.keras")
            if logs[self.monitor] > self.best:
                self.best = float(logs[self.monitor])
                self._write(folder / "best.keras")
        self.back_up(epoch + 1)

    def _write(self, path):
        with files.replacing(path) as temporary:
            self.model.network.save(temporary)


def trim_history(path: pathlib.Path, epochs: int) -> None:
    """Drops rows of epochs that the backup does not have, so that a resumed run adds no row twice.

    Args:
      path: history.csv, as keras.callbacks.CSVLogger writes it; it may be missing.
      epochs: how many epochs are finished.
    """
    if not path.exists():
        return
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    with files.replacing(path) as temporary, open(temporary, "w", newline="") as file:
        # A run that ended within its first epoch has left no header either.
        finished = [row for row in rows[1:] if int(row[0]) < epochs]
        csv.writer(file).writerows([*rows[:1], *finished])
