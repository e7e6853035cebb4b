"""Clients that share the requests of a seed out among themselves, and note what comes of each."""

import collections
import random
import threading

import numpy as np

from robust_tf import progress
from server_trials.contents import Model, good
from server_trials.judging import WRONG, Judge, leak, right
from server_trials.kinds import KINDS
from server_trials.messages import Answer, Client, Request
from server_trials.process import memory

GOOD_EVERY = 5  # requests


class Fuzzing:
    """Requests, numbered, and what came of them.

    Args:
      model: what good requests are made of.
      logits: of its images by how it decides, none a number where noise decides.
      wrong: how many wrong requests; good ones come on top.
      seed: of all of them.
      pid: the server's, where its memory can be seen.

    Attributes:
      counts: by kind, how often each code came.
      faults: what was not as it should be.
    """

    def __init__(
        self,
        model: Model,
        logits: dict[str, np.ndarray],
        wrong: int,
        seed: int,
        pid: int | None = None,
    ):
        self.counts = collections.defaultdict(collections.Counter)
        self.faults: list[str] = []
        self._line = progress.Line()
        self._model, self._logits, self._seed, self._pid = model, logits, seed, pid
        self._total = wrong * GOOD_EVERY // (GOOD_EVERY - 1)
        self._numbers = iter(range(self._total))
        self._lock = threading.Lock()

    def run(self, rest: str, grpc: str, clients: int) -> None:
        """Sends them all to a server, whose URL and address these are."""
        threads = [
            threading.Thread(target=self._send_all, args=(Client(rest, grpc),))
            for _ in range(clients)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _send_all(self, client: Client) -> None:
        while True:
            with self._lock:
                number = next(self._numbers, None)
                if number is not None and self._line.due():
                    done = f"{number:,}/{self._total:,} requests"
                    self._line.show(f"{done}  {len(self.faults)} faults{self._size()}")
            if number is None:
                return
            # Of its own, so that a request does not depend on who sent those before.
            rng = random.Random(f"{self._seed} {number}")
            if number % GOOD_EVERY == 0:
                request, decision, places = good(rng, self._model)
                judge = right(self._logits[decision][places])
                self._send(client, number, "good", request, judge)
            else:
                (kind,) = rng.choices(KINDS, [kind.weight for kind in KINDS])
                request = kind.make(rng, self._model)
                self._send(client, number, kind.name, request, WRONG[kind.expected])

    def _size(self) -> str:
        return f"  server {memory(self._pid)[0]:,.0f} MiB" if self._pid else ""

    def _send(self, client: Client, number: int, kind: str, request: Request, judge: Judge) -> None:
        try:
            answer = request.send(client)
            fault = judge(answer) or leak(answer)
        except Exception as error:
            # Whatever an answer is that cannot even be read: the run goes on and counts it.
            answer, fault = Answer("unreadable", repr(error)), "was answered with what is none"
        with self._lock:
            self.counts[kind][answer.code] += 1
            if fault:
                self.faults.append(f"{number}, {kind}, {fault}: {answer.code} {answer.text[:300]}")
