"""The order in which training sees its images, as a tensorpack data flow.

    stream = TrainingStream(examples, batch_size=64, seed=0)
    stream.reset_state()
    for image, label, index in stream: ...

The stream is endless. Its position p holds example order(seed, p // N)[p % N] of N, so each image
comes once an epoch, in an order that depends on seed and epoch alone, a batch may reach over the
end of an epoch, and a run resumes anywhere by arithmetic. Of every batch_size consecutive positions
a worker with shard (k, n) takes the k-th of n equal parts.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from robust_tf.data.augmentation import Augment, augmentation
from robust_tf.data.chunk_pool import ChunkPool
from robust_tf.data.chunks import CHUNK_SIZE, Chunk, ChunkReader
from robust_tf.data.corrupt import CorruptLog, allowed_corrupt
from robust_tf.data.examples import CorruptImage, Examples
from robust_tf.errors import InputError
from robust_tf.interop.tensorpack import DataFlow

# The jobs of tools/cluster ask for as many cores, beside one for each GPU.
MOST_PROCESSES = 8

Datapoint = list[Any]  # image, label, index


class TrainingStream(DataFlow):
    """One worker's share of the endless stream of [image uint8, label, index]."""

    def __init__(
        self,
        examples: Examples,
        *,
        batch_size: int,
        seed: int,
        start: int = 0,
        shard: tuple[int, int] = (0, 1),
        augment: str = "auto",
        processes: int | None = None,
    ):
        """The stream from a batch on.

        Args:
          examples: what is trained on.
          batch_size: of all workers together.
          seed: of the order and of the augmentation.
          start: how many batches are already done.
          shard: (worker, number of workers).
          augment: see augmentation.augmentation.
          processes: how many read and augment; 0 does it in this process, None chooses.
        """
        check_share(batch_size, shard)
        if not len(examples):
            raise InputError(f"{examples.name} has no training images; expected some.")
        self._examples = examples
        self._first = start * batch_size // shard[1]
        change = augmentation(augment, examples.name)
        if processes is None:
            processes = _processes_for(examples, change)
        self._reader = ChunkReader(examples, seed, batch_size, shard, change)
        self._pool = (
            ChunkPool(self._reader, self._first, CHUNK_SIZE, processes) if processes else None
        )
        self._corrupt = CorruptLog(examples, allowed_corrupt(examples))

    def reset_state(self) -> None:
        """Starts the processes; call it once, in a thread that lives as long as they shall."""
        if self._pool is not None:
            self._pool.reset_state()

    def close(self) -> None:
        """Ends the processes."""
        if self._pool is not None:
            self._pool.close()

    def __iter__(self) -> Iterator[Datapoint]:
        chunks = self._chunks_here() if self._pool is None else self._pool.chunks()
        for images, positions, corrupt in chunks:
            self._corrupt.add(corrupt)
            for image, position in zip(images, positions, strict=True):
                yield _datapoint(self._examples, position, image)

    def _chunks_here(self) -> Iterator[Chunk]:
        first = self._first
        while True:
            yield self._reader(first)
            first += CHUNK_SIZE


def check_share(batch_size: int, shard: tuple[int, int], replicas: int = 1) -> int:
    """A replica's share of a batch, or the sentence where there is none.

    Args:
      batch_size: of all workers together.
      shard: (worker, number of workers).
      replicas: of each worker.
    """
    worker, workers = shard
    if not 0 <= worker < workers or replicas < 1:
        raise ValueError(f"expected 0 <= worker < workers, replicas >= 1: {shard=}, {replicas=}")
    share, rest = divmod(batch_size, workers * replicas)
    if share < 1 or rest:
        raise InputError(
            f"--batch_size={batch_size} cannot be shared evenly; expected a multiple of "
            f"{workers * replicas} ({workers} workers of {replicas} replicas)."
        )
    return share


def _processes_for(examples: Examples, change: Augment | None) -> int:
    if examples.ready and change is None:
        return 0
    return min(MOST_PROCESSES, len(os.sched_getaffinity(0)))


def _datapoint(examples: Examples, position: int, image: np.ndarray) -> Datapoint:
    return [image, int(examples.labels[position]), int(examples.indices[position])]


def flow(
    examples: Examples,
    corrupt: CorruptLog | None = None,
    read: Callable[[Examples, int], np.ndarray] = Examples.image,
) -> DataFlow:
    """A data flow of [image, label, index], once and in order, without the corrupt images.

    Args:
      examples: what is read.
      corrupt: the account of corrupt images, a new one if None.
      read: gives the image at a position; uint8 by default.
    """
    return _Flow(examples, CorruptLog(examples) if corrupt is None else corrupt, read)


class _Flow(DataFlow):
    def __init__(
        self,
        examples: Examples,
        corrupt: CorruptLog,
        read: Callable[[Examples, int], np.ndarray],
    ):
        self._examples, self._corrupt, self._read = examples, corrupt, read

    def __len__(self) -> int:
        return len(self._examples)

    def __iter__(self) -> Iterator[Datapoint]:
        for position in range(len(self)):
            try:
                image = self._read(self._examples, position)
            except CorruptImage as error:
                self._corrupt.add({int(self._examples.indices[position]): str(error)})
                continue
            yield _datapoint(self._examples, position, image)
