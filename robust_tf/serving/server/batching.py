"""Requests of one signature, joined to calls of the model and split back.

Each signature of each version has one thread: TensorFlow spreads a call over the cores by itself,
so that two calls at once of one signature would only make both slower; and a signature whose calls
take seconds, such as a defended one, must not hold up one that takes milliseconds.
"""

import asyncio
import collections
import dataclasses
import logging
from collections.abc import Hashable

import numpy as np

from robust_tf.encoded_images import MAX_PIXELS
from robust_tf.serving.server.failures import ModelFailed
from robust_tf.serving.server.metrics import Metrics
from robust_tf.serving.server.model import Arrays, Signature
from robust_tf.serving.server.options import ServeOptions
from robust_tf.serving.server.room import Room
from robust_tf.serving.server.worker import Worker

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, eq=False)
class _Waiting:
    """A request before its call: only those with the same key can be joined."""

    arrays: Arrays
    images: int
    pixels: int
    key: Hashable
    arrived: float
    answer: asyncio.Future


class Batcher:
    """The requests of one signature.

    Args:
      signature: what is called.
      options: the limits.
      room: where images wait.
      metrics: where calls are counted.
    """

    def __init__(self, signature: Signature, options: ServeOptions, room: Room, metrics: Metrics):
        self._signature = signature
        self._options = options
        self._room = room
        self._sizes = metrics.batch_size.labels(signature.name)
        self._waiting: collections.deque[_Waiting] = collections.deque()
        self._arrived = asyncio.Event()
        self._worker = Worker(f"signature {signature.name}")
        self._task = asyncio.get_running_loop().create_task(self._work())

    async def run(self, arrays: Arrays, images: int, pixels: int) -> Arrays:
        """The outputs for checked inputs.

        Args:
          arrays: the inputs.
          images: their rows.
          pixels: what the model will decode from them.
        """
        self._room.enter(images)
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        key = tuple((name, arrays[name].shape[1:]) for name in sorted(arrays))
        self._waiting.append(_Waiting(arrays, images, pixels, key, loop.time(), answer))
        self._arrived.set()
        return await answer

    def close(self) -> None:
        """Ends the thread; nobody may wait any more, though what was cancelled is still here."""
        self._task.cancel()
        self._worker.stop()
        self._room.leave(sum(waiting.images for waiting in self._waiting))
        self._waiting.clear()

    async def _work(self) -> None:
        while True:
            while not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            first = self._waiting[0]
            if self._signature.joinable:
                await self._fill(first)
            await self._answer(self._take(first))

    async def _fill(self, first: _Waiting) -> None:
        """Waits until there is a whole batch to take with the first, or its time is over."""
        deadline = first.arrived + self._options.batch_timeout / 1000
        try:
            async with asyncio.timeout_at(deadline):
                while sum(w.images for w in self._alike(first)) < self._options.max_batch:
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            pass

    def _alike(self, first: _Waiting) -> list[_Waiting]:
        return [waiting for waiting in self._waiting if waiting.key == first.key]

    def _take(self, first: _Waiting) -> list[_Waiting]:
        """The first and what fits beside it; a request is never cut, however large."""
        batch, images, pixels = [first], first.images, first.pixels
        if self._signature.joinable:
            for waiting in self._alike(first)[1:]:
                fits = images + waiting.images <= self._options.max_batch
                if fits and pixels + waiting.pixels <= MAX_PIXELS:
                    batch.append(waiting)
                    images += waiting.images
                    pixels += waiting.pixels
        for waiting in batch:
            self._waiting.remove(waiting)
        self._room.leave(images)
        return [waiting for waiting in batch if not waiting.answer.done()]

    async def _answer(self, batch: list[_Waiting]) -> None:
        """Calls the model and gives each request its rows, or the same failure."""
        if not batch:
            return
        counts = [waiting.images for waiting in batch]
        self._sizes.observe(sum(counts))
        try:
            parts = await self._worker.run(
                call, self._signature, [waiting.arrays for waiting in batch], counts
            )
        except Exception as error:
            name = self._signature.name
            _log.error("The signature %s failed: %s", name, str(error).split("\n")[0])
            for waiting in batch:
                if not waiting.answer.done():
                    failure = f"The model's signature {name} failed; the server's log says why."
                    waiting.answer.set_exception(ModelFailed(failure))
            return
        for waiting, part in zip(batch, parts, strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(part)


def call(signature: Signature, requests: list[Arrays], counts: list[int]) -> list[Arrays]:
    """The outputs of several requests, from one call of their signature.

    Args:
      signature: what is called.
      requests: the inputs of each.
      counts: the rows of each.
    """
    if len(requests) == 1:
        outputs = [signature(requests[0])]
    else:
        joined = {name: np.concatenate([r[name] for r in requests]) for name in requests[0]}
        whole = signature(joined)
        ends = np.cumsum(counts)[:-1]
        pieces = {name: np.split(values, ends) for name, values in whole.items()}
        outputs = [{name: pieces[name][i] for name in pieces} for i in range(len(requests))]
    for output, count in zip(outputs, counts, strict=True):
        for name, values in output.items():
            if signature.joinable and len(values) != count:
                raise ValueError(f"{name} has {len(values)} rows for {count} images")
    return outputs
