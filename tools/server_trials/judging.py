"""What is wrong with an answer: a few words, none where it is as it should be."""

import json
from collections.abc import Callable

import numpy as np

from server_trials.kinds import CUT, EITHER, REFUSED
from server_trials.messages import Answer

Judge = Callable[[Answer], str]
_ANSWERED = ("200", "OK")
_FAILED = ("INTERNAL", "UNKNOWN", "UNAVAILABLE", "closed")
# What a server that hangs gives, since only the client's own deadline ends the call.
_HUNG = ("DEADLINE_EXCEEDED", "CANCELLED")
# gRPC has one status for a message that is too large, which is refused, and for a busy server.
_TOO_LARGE = "larger than max"
_LONGEST = 1000


def right(expected: np.ndarray) -> Judge:
    """For good requests, whose images have these logits; any number will do for none."""

    def judge(answer: Answer) -> str:
        if answer.code not in _ANSWERED:
            return "was lost"
        if answer.logits is None or answer.logits.shape != expected.shape:
            return "is wrong"
        wanted = np.where(np.isnan(expected), answer.logits, expected)
        return "" if np.allclose(answer.logits, wanted, atol=1e-4) else "is wrong"

    return judge


def refused(answer: Answer) -> str:
    """For what must be refused."""
    return "was taken" if answer.code in _ANSWERED else failed(answer)


def failed(answer: Answer) -> str:
    """For what may be refused or answered."""
    if answer.code in _HUNG:
        return "was never answered"
    if answer.code == "RESOURCE_EXHAUSTED" and _TOO_LARGE not in answer.text:
        return "was turned away"
    return "failed" if answer.code in _FAILED or answer.code.startswith("5") else ""


def cut_off(answer: Answer) -> str:
    """For what its own client breaks off."""
    return "" if answer.code in _HUNG else failed(answer)


def leak(answer: Answer) -> str:
    """For all of them: one sentence is told and no more."""
    text = answer.text
    if text.startswith('{"error"'):
        text = json.loads(text)["error"]
        if "\n" in text or len(text) > _LONGEST:
            return "has more than a sentence"
    return "has a stack trace" if "Traceback" in text or 'File "' in text else ""


# By what is expected of a wrong request.
WRONG: dict[str, Judge] = {REFUSED: refused, EITHER: failed, CUT: cut_off}
