"""Why a request is not answered, and how REST and gRPC say so."""

import asyncio
import dataclasses
import logging

import grpc
from aiohttp import web

from robust_tf.errors import InputError

_log = logging.getLogger(__name__)


class NotFound(InputError):
    """The model or version that was asked for is not served."""


class Late(InputError):
    """The request did not come in time."""


class Busy(RuntimeError):
    """More images wait for the model, or more bytes are held, than may."""


class Stopping(RuntimeError):
    """The server takes no new requests."""


class ModelFailed(RuntimeError):
    """The model itself raised; the log says what."""


@dataclasses.dataclass(frozen=True)
class Failure:
    """An error as both protocols give it.

    Attributes:
      outcome: one word, for the metrics.
      http: the status of REST.
      code: the status of gRPC.
      sentence: what the client reads.
    """

    outcome: str
    http: int
    code: grpc.StatusCode
    sentence: str


# The first that fits, so that what is derived comes first.
_KINDS = (
    (NotFound, "not_found", 404, grpc.StatusCode.NOT_FOUND),
    (Late, "late", 408, grpc.StatusCode.DEADLINE_EXCEEDED),
    (InputError, "invalid", 400, grpc.StatusCode.INVALID_ARGUMENT),
    (Busy, "busy", 503, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (Stopping, "stopping", 503, grpc.StatusCode.UNAVAILABLE),
    (ModelFailed, "failed", 500, grpc.StatusCode.INTERNAL),
)


def describe(error: BaseException) -> Failure:
    """An error's outcome, statuses and sentence; one that nobody foresaw tells no details."""
    for kind, outcome, http, code in _KINDS:
        if isinstance(error, kind):
            return Failure(outcome, http, code, str(error))
    if isinstance(error, web.HTTPException):
        outcome = "too_large" if error.status == 413 else "invalid"
        return Failure(outcome, error.status, grpc.StatusCode.INVALID_ARGUMENT, error.reason)
    outcome = "cancelled" if isinstance(error, asyncio.CancelledError) else "failed"
    sentence = "The server failed on this request; its log says why."
    return Failure(outcome, 500, grpc.StatusCode.INTERNAL, sentence)


def foreseen(error: BaseException) -> bool:
    """Whether an error has a sentence of its own."""
    return isinstance(error, (web.HTTPException, *(kind for kind, *_ in _KINDS)))


def answered(error: Exception) -> Failure:
    """The failure to answer with; what nobody foresaw goes to the log as it passes."""
    if not foreseen(error):
        _log.error("A request failed.", exc_info=error)
    return describe(error)
