"""Asking again what may pass, less and less often, until a deadline."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from robust_tf.serving.client.failures import Passing

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
# A pause may last longer than it should; clients refuse a timeout that is not above 0.
_LEAST_SECONDS = 0.001
_Answer = TypeVar("_Answer")


def pause(tried: int) -> float:
    """Seconds to wait after so many pauses: each twice as long, less up to a half by chance.

    Without chance, clients that a busy server has turned away together would come back together.
    """
    longest = min(_FIRST_PAUSE * 2 ** min(tried, 30), _LONGEST_PAUSE)
    return longest * random.uniform(0.5, 1.0)


def persist(ask: Callable[[float], _Answer], retries: int, deadline: float) -> _Answer:
    """What `ask` returns in the end, which is given the seconds that are left for it.

    Args:
      ask: raises Passing where asking again may help.
      retries: how often it is asked again.
      deadline: seconds for all of it, pauses included.
    """
    end = time.monotonic() + deadline
    tried = 0
    while True:
        try:
            return ask(max(end - time.monotonic(), _LEAST_SECONDS))
        except Passing as failure:
            wait = max(pause(tried), failure.wait)
            if tried == retries or time.monotonic() + wait >= end:
                raise _given_up(failure, tried + 1) from None
        time.sleep(wait)
        tried += 1


def _given_up(failure: Passing, times: int) -> Passing:
    """The failure, with how often it was met."""
    if times == 1:
        return failure
    return Passing(f"{str(failure).rstrip('.')} ({times} times).", failure.wait)
