"""Threads that do for the event loop what would hold it up."""

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any


class Worker:
    """One thread or more, which take jobs in the order of their coming.

    They are daemons, so that a call that never ends cannot keep a stopped server alive.

    Args:
      name: of the threads, for debuggers.
      threads: how many.
    """

    def __init__(self, name: str, threads: int = 1):
        self._jobs: queue.SimpleQueue = queue.SimpleQueue()
        self._threads = threads
        for _ in range(threads):
            threading.Thread(target=self._work, name=name, daemon=True).start()

    async def run(self, function: Callable, *arguments: Any) -> Any:
        """What the function returns or raises, called on a thread."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._jobs.put((loop, future, function, arguments))
        return await future

    def stop(self) -> None:
        """Ends the threads after the jobs that they have."""
        for _ in range(self._threads):
            self._jobs.put(None)

    def _work(self) -> None:
        while job := self._jobs.get():
            loop, future, function, arguments = job
            result = error = None
            try:
                result = function(*arguments)
            except Exception as problem:
                error = problem
            try:
                loop.call_soon_threadsafe(_settle, future, result, error)
            except RuntimeError:
                return  # The loop is closed: nobody waits for answers any more.
            # Waiting for the next job must not keep arrays, or an unloaded model, in memory.
            del job, future, function, arguments, result, error


def _settle(future: asyncio.Future, result: Any, error: Exception | None) -> None:
    """Passes on what came of a job, unless its caller has gone."""
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
