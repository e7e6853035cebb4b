"""Reads numbered chunks in parallel processes and gives them back in order.

tensorpack's parallel map neither keeps the order nor starts again. Here every task carries its
number, by which results are put in order, and the number of the pass it belongs to, by which a new
pass tells its own results from those that were under way when the last one was left.
"""

import traceback
from collections.abc import Callable, Iterator
from typing import Any

from robust_tf.interop.tensorpack import DataFlow, ParallelMap

_AHEAD = 4  # chunks under way for each process


class ChunkPool:
    """Applies a reader to first, first + size, first + 2 size, ... in parallel processes."""

    def __init__(self, reader: Callable[[int], Any], first: int, size: int, processes: int):
        """A pool that is not started yet.

        Args:
          reader: gives the chunk of a number; it is called in the processes.
          first: the number of the first chunk.
          size: the distance of two numbers.
          processes: how many.
        """
        self._first, self._size = first, size
        self._tasks = _Tasks(first, size)
        self._map = ParallelMap(
            self._tasks, processes, _carrying(reader), buffer_size=_AHEAD * processes
        )
        # While one process holds the chunk that is wanted, tasks go to all in turn, until all that
        # are under way lie with that one. More early chunks than this mean a lost one.
        self._most_early = _AHEAD * processes * (processes + 1)
        self._used = False

    def reset_state(self) -> None:
        """Starts the processes; call it once, in a thread that lives as long as they shall."""
        self._map.reset_state()

    def close(self) -> None:
        """Ends the processes."""
        self._map.close()

    def chunks(self) -> Iterator[Any]:
        """All chunks in order from the first one on; one such pass at a time."""
        if self._used:
            self._tasks.restart()
        self._used = True
        early, wanted = {}, self._first
        for run, number, chunk, failure in self._map:
            if run != self._tasks.run:
                continue
            if failure is not None:
                raise RuntimeError(f"reading the data failed in a data process: {failure}")
            early[number] = chunk
            if len(early) > self._most_early:
                raise RuntimeError(f"chunk {wanted} of the data was lost between the processes")
            while wanted in early:
                yield early.pop(wanted)
                wanted += self._size


class _Tasks(DataFlow):
    """The endless tasks [pass, number], which can be set back to the first number."""

    def __init__(self, first: int, size: int):
        self._first, self._size = first, size
        self.run, self._next = 0, first

    def restart(self) -> None:
        self.run, self._next = self.run + 1, self._first

    def __iter__(self) -> Iterator[list[int]]:
        while True:
            number = self._next
            self._next += self._size
            yield [self.run, number]


def _carrying(reader: Callable[[int], Any]) -> Callable[[list[int]], list[Any]]:
    """The reader for a process: it hands on what it stumbles over instead of dying of it."""

    def read(task: list[int]) -> list[Any]:
        try:
            return [*task, reader(task[1]), None]
        except Exception:  # whatever it is: a process that dies of it would leave all waiting
            return [*task, None, traceback.format_exc()]

    return read
