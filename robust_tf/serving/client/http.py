"""One HTTP request that ends in time, whatever the other side does, as a body or as a failure."""

import http.client
import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import requests
import urllib3

from robust_tf.serving.client.failures import NotFound, Passing, Refused, RequestFailed, one_line

_CHUNK = 65536
_BUSY = (429, 503)
_REFUSED = (400, 413, 415, 422)
_Result = TypeVar("_Result")


def exchange(
    session: requests.Session, method: str, url: str, *, seconds: float, most: int, **request
) -> bytes:
    """The body of an answer of status 2xx; everything else raises a RequestFailed.

    Args:
      session: whose connections are used.
      method: GET or POST.
      url: what is asked for.
      seconds: for all of it, from looking up the name to the last byte.
      most: the most bytes that the answer may have.
      **request: further arguments of requests.
    """
    end = time.monotonic() + seconds

    def run() -> tuple[requests.Response, bytes]:
        with session.request(method, url, stream=True, timeout=seconds, **request) as response:
            return response, _body(response, most, end)

    where = url.partition("?")[0]
    try:
        response, body = _within(seconds, run)
    except (TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError):
        raise RequestFailed(f"{where} did not answer within {seconds:.3g} s.") from None
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise _broken(where, error) from None
    if response.ok and not response.is_redirect:
        return body
    raise _failure(where, response, body)


def _within(seconds: float, call: Callable[[], _Result]) -> _Result:
    """What a call returns, or TimeoutError once its time is over.

    The timeouts of requests are those of single reads, and none of them is that of the name's
    lookup: a server that sends a byte now and then would never end. So a thread of its own calls.
    """
    done: queue.SimpleQueue = queue.SimpleQueue()

    def run() -> None:
        try:
            done.put((call(), None))
        except Exception as error:
            done.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        result, error = done.get(timeout=max(seconds, 0))
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return result


def _body(response: requests.Response, most: int, end: float) -> bytes:
    """The whole body; given up on when it is too large, or when nobody waits for it any more."""
    parts, size = [], 0
    # read1 returns what is there, where read would wait for a whole chunk.
    while part := response.raw.read1(_CHUNK, decode_content=True):
        parts.append(part)
        size += len(part)
        if size > most:
            raise RequestFailed(f"The answer is larger than {most:,} bytes; expected less.")
        if time.monotonic() > end:
            raise TimeoutError
    return b"".join(parts)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _broken(where: str, error: Exception) -> RequestFailed:
    """The failure for a connection that was not made, or broke."""
    causes = list(_causes(error))
    reasons = [c.strerror for c in causes if isinstance(c, OSError) and c.strerror]
    reason = reasons[0] if reasons else one_line(str(causes[-1])) or type(causes[-1]).__name__
    if any(type(cause) is http.client.BadStatusLine for cause in causes):
        return RequestFailed(f"{where} does not speak HTTP; gRPC is asked as grpc://HOST:PORT.")
    passing = (
        requests.ConnectionError,
        requests.exceptions.ChunkedEncodingError,
        urllib3.exceptions.ProtocolError,
    )
    lasting = isinstance(error, requests.exceptions.SSLError) or not isinstance(error, passing)
    return (RequestFailed if lasting else Passing)(f"{where} cannot be asked: {reason}.")


def _failure(where: str, response: requests.Response, body: bytes) -> RequestFailed:
    """The failure for a status other than 2xx, in the server's words where it has some."""
    status = response.status_code
    try:
        sentence = one_line(json.loads(body)["error"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        sentence = f"{where} answered {status} {response.reason or ''}".rstrip() + "."
    if status in _BUSY:
        after = response.headers.get("Retry-After", "")
        # Also the other form, a date, is allowed; it is not worth being read.
        return Passing(sentence, float(after) if after.isdecimal() and after.isascii() else 0.0)
    if status in _REFUSED:
        return Refused(sentence)
    return NotFound(sentence) if status == 404 else RequestFailed(sentence)
