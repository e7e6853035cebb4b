"""Saves in the middle of an epoch: when the process is told to end, and every so many updates.

    with Termination() as termination:
        method.fit(..., callbacks=[..., Backups(termination, ...)])

A machine that is taken away gives a process some time between SIGTERM and SIGKILL.
"""

import contextlib
import signal
from collections.abc import Callable, Iterator

import keras

from robust_tf import backup
from robust_tf.errors import Preempted


class Termination:
    """Takes SIGTERM as a wish to end when that is safe; a second one ends the process at once."""

    def __init__(self):
        self.wanted = False

    def __enter__(self) -> "Termination":
        self._before = signal.signal(signal.SIGTERM, self._take)
        return self

    def __exit__(self, *_) -> None:
        signal.signal(signal.SIGTERM, self._before)

    def _take(self, number, frame) -> None:
        self.wanted = True
        # Nobody need wait for Python to run a handler, which it does not within a long update.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextlib.contextmanager
def ending() -> Iterator[None]:
    """Within it SIGTERM raises Preempted at once, for work that saves what it has on any error."""

    def end(number, frame) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise Preempted(
            "Ended by SIGTERM: what was found is saved; the same command goes on there."
        )

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Backups(keras.callbacks.Callback):
    """Saves between two updates, on all workers at the same one.

    The signal may have come to any of the workers: after each update they tell each other. It is
    served in training, in validation and after what an epoch's end writes, and raises Preempted.

    Args:
      termination: says whether this process is to end.
      anywhere: says whether any worker calls it with True.
      begun: what the run has begun with.
      every: updates of an epoch between two backups; None is none before its end.
      stop_averaging: puts the training's weights back where validation has the averaged ones in.
      write: writes a backup of finished epochs, steps and what else going on there needs; None
        on workers that write nothing.
    """

    def __init__(
        self,
        termination: Termination,
        anywhere: Callable[[bool], bool],
        begun: backup.Progress,
        every: int | None,
        stop_averaging: Callable[[], None],
        write: Callable[[int, int, dict], None] | None,
    ):
        super().__init__()
        self.termination, self.anywhere, self.begun = termination, anywhere, begun
        self.every, self.stop_averaging, self.write = every, stop_averaging, write

    def on_epoch_begin(self, epoch, logs=None):
        """Remembers the epoch."""
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        """Saves where it is time, and ends where that is wanted."""
        step = batch + 1
        if self.begun.has(self.epoch, step):
            return
        wanted = self.anywhere(self.termination.wanted)
        if wanted or (self.every and step % self.every == 0):
            self._save(step, self.model.unfinished.means())
        if wanted:
            self._end(f"update {step} of epoch {self.epoch + 1}")

    def on_test_begin(self, logs=None):
        """Keeps the means of the epoch's training, which validation will reset."""
        self.means = self.model.unfinished.means()

    def on_test_batch_end(self, batch, logs=None):
        """Ends where that is wanted: the epoch's updates are saved, its validation is not."""
        if self.anywhere(self.termination.wanted):
            self.stop_averaging()
            self._save(self.params["steps"], self.means)
            self._end(f"the updates of epoch {self.epoch + 1}")

    def on_epoch_end(self, epoch, logs=None):
        """Ends where that is wanted: the epoch is saved."""
        if self.anywhere(self.termination.wanted):
            self._end(f"epoch {epoch + 1}")

    def _save(self, step: int, means: dict) -> None:
        unfinished = {**means, **self.model.unfinished.statistics()}
        if self.write:
            self.write(self.epoch, step, unfinished)

    def _end(self, done: str) -> None:
        # A worker that left while the chief still writes would take it along.
        self.anywhere(True)
        raise Preempted(f"Ended by SIGTERM: saved after {done}; the same command goes on there.")
