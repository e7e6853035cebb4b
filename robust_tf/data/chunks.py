"""The arithmetic of the training order: any chunk of a worker's share, read in any process."""

from typing import NamedTuple

import numpy as np

from robust_tf.data.augmentation import Augment
from robust_tf.data.corrupt import allowed_corrupt
from robust_tf.data.examples import CorruptImage, Examples

CHUNK_SIZE = 16  # images a message between processes, so that messages cost little


class Chunk(NamedTuple):
    """Some consecutive images of the stream, and the corrupt ones met on the way."""

    images: np.ndarray
    positions: list[int]
    corrupt: dict[int, str]


class ChunkReader:
    """Reads any chunk of a worker's share of the stream, by arithmetic, in any process."""

    def __init__(
        self,
        examples: Examples,
        seed: int,
        batch_size: int,
        shard: tuple[int, int],
        augment: Augment | None,
    ):
        self._examples, self._seed, self._augment = examples, seed, augment
        self._batch_size = batch_size
        self._worker, self._share = shard[0], batch_size // shard[1]
        self._epoch, self._order = -1, np.empty(0, np.int64)

    def __call__(self, first: int) -> Chunk:
        """The chunk that starts with the worker's `first` image.

        It stops short where more images are corrupt than a training may have.
        """
        images, positions, corrupt = [], [], {}
        for step in range(first, first + CHUNK_SIZE):
            epoch, place = divmod(self._stream_position(step), len(self._examples))
            position = self._read(epoch, place, images, corrupt)
            if position is None:
                break
            positions.append(position)
        return Chunk(np.array(images, np.uint8), positions, corrupt)

    def _stream_position(self, step: int) -> int:
        batch, offset = divmod(step, self._share)
        return batch * self._batch_size + self._worker * self._share + offset

    def _read(
        self, epoch: int, place: int, images: list[np.ndarray], corrupt: dict[int, str]
    ) -> int | None:
        """Appends the image, or the next readable one of the epoch's order; gives its position."""
        order = self._epoch_order(epoch)
        while len(corrupt) <= allowed_corrupt(self._examples):
            position = int(order[place % len(order)])
            index = int(self._examples.indices[position])
            try:
                images.append(self._image(epoch, position, index))
            except CorruptImage as error:
                corrupt[index] = str(error)
                place += 1
                continue
            return position
        return None

    def _image(self, epoch: int, position: int, index: int) -> np.ndarray:
        if self._augment is None:
            return self._examples.image(position)
        rng = np.random.default_rng([self._seed, epoch, index])
        return self._augment(self._examples, position, rng)

    def _epoch_order(self, epoch: int) -> np.ndarray:
        if epoch != self._epoch:
            self._epoch, self._order = epoch, epoch_order(len(self._examples), self._seed, epoch)
        return self._order


def epoch_order(count: int, seed: int, epoch: int) -> np.ndarray:
    """The order of `count` examples in an epoch, which depends on seed and epoch alone."""
    return np.random.default_rng([seed, epoch]).permutation(count)
