"""tensorpack's data flows, made to live beside TensorFlow 2.

Import DataFlow, LMDBSerializer and ParallelMap from here instead of from tensorpack. Its import
sets environment variables that change how TensorFlow runs on GPUs, which is undone here. It logs
and prints on its own. Its parallel map loses replies, outlives a parent that was killed, and waits
for ever for a process that died; ParallelMap does not.
"""

import ctypes
import logging
import multiprocessing.util
import os
import signal
from typing import Any

import cv2  # noqa: F401  Imported first, with TensorFlow, so that only what tensorpack
import tensorflow as tf  # noqa: F401  itself adds to the environment is undone below.

_ENVIRONMENT = dict(os.environ)

from tensorpack.dataflow import (  # noqa: E402
    DataFlow,
    LMDBSerializer,
    MultiProcessMapDataZMQ,
)

for _name in os.environ.keys() - _ENVIRONMENT.keys():
    del os.environ[_name]
os.environ.update(_ENVIRONMENT)
logging.getLogger("tensorpack").setLevel(logging.ERROR)

__all__ = ["DataFlow", "LMDBSerializer", "ParallelMap"]

_PR_SET_PDEATHSIG = 1
_POLL_MILLISECONDS = 1000
_NO_HIGH_WATER_MARK = 0


class _Worker(MultiProcessMapDataZMQ._Worker):
    """A worker process that ends with its parent and has none of its parent's signal handlers."""

    def __init__(self, *args: Any):
        super().__init__(*args)
        self.daemon = True
        self._parent = os.getpid()

    def run(self) -> None:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self._parent:  # it died before the line above
            return
        # Both come to a whole group of processes, whose parent still needs this one to end well.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        cv2.setNumThreads(0)  # OpenCV's own threads do not survive a fork
        super().run()


class ParallelMap(MultiProcessMapDataZMQ):
    """MultiProcessMapDataZMQ whose processes end with it, and that says so when one of them dies.

    Call reset_state, which starts the processes, in a thread that lives as long as they shall.
    """

    def reset_state(self) -> None:
        self._owner = os.getpid()
        super().reset_state()
        # At exit multiprocessing would send them SIGTERM, and wait for ever.
        multiprocessing.util.Finalize(self, _kill, (self._procs,), exitpriority=0)

    def _create_worker(self, id: bytes, pipename: str, hwm: int) -> _Worker:
        # tensorpack's high-water mark makes ZeroMQ drop replies, and the parent wait for them for
        # ever; what is under way is bounded by the buffer size in any case.
        return _Worker(id, self.map_func, pipename, _NO_HIGH_WATER_MARK)

    def _recv(self) -> Any:
        while not self.socket.poll(_POLL_MILLISECONDS):
            for process in self._procs:
                if not process.is_alive():
                    raise RuntimeError(
                        f"data process {process.pid} died (exit code {process.exitcode}); "
                        "a negative code is the signal that killed it, -9 often means no memory."
                    )
        return super()._recv()

    def close(self) -> None:
        """Ends the worker processes; may be called more than once, and in any thread."""
        # A forked child holds a copy of this object, whose end must not kill its siblings.
        if self._reset_done and self._owner == os.getpid():
            _kill(self._procs)

    def __del__(self) -> None:
        self.close()
        # Only here: a socket must not be closed while another thread waits at it.
        if self._reset_done and self._owner == os.getpid() and not self.context.closed:
            self.socket.close(0)
            self.context.destroy(0)


def _kill(processes: list[multiprocessing.Process]) -> None:
    for process in processes:
        process.kill()
        process.join()
