"""TensorFlow Serving's REST API, beside /metrics and /health."""

import asyncio
import logging
from collections.abc import Callable

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage
from google.protobuf import json_format
from tensorflow_serving.apis.model_pb2 import ModelSpec

from robust_tf.errors import InputError
from robust_tf.serving.server import json_tensors, metrics
from robust_tf.serving.server.desk import Desk
from robust_tf.serving.server.failures import Late, answered

_MODEL = "/v1/models/{name:[^/:]+}"
_VERSION = _MODEL + "/versions/{version:[^/:]+}"
_LABEL = _MODEL + "/labels/{label:[^/:]+}"
# The longest that a body may take: who sends slowly must not hold on for ever.
_READ_SECONDS = 30.0


def _concerns_us(record: logging.LogRecord) -> bool:
    """Whether what aiohttp reports is more than a request that is no HTTP."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, (BadHttpMessage, web.RequestPayloadError))


# What aiohttp writes to instead of its own: a client's nonsense, answered, is no news.
log = logging.getLogger(__name__)
log.addFilter(_concerns_us)


class Rest:
    """The handlers.

    Args:
      desk: what answers.
    """

    def __init__(self, desk: Desk):
        self._desk = desk

    def application(self) -> web.Application:
        """All routes, ready to be run."""
        application = web.Application(middlewares=[self._tell_failures])
        for model in (_MODEL, _VERSION):
            application.router.add_post(model + ":predict", self._predict)
            application.router.add_get(model, self._status)
            application.router.add_get(model + "/metadata", self._metadata)
        application.router.add_route("*", _LABEL + "{rest:.*}", _refuse_label)
        application.router.add_get("/metrics", self._metrics)
        application.router.add_get("/health", self._health)
        return application

    @web.middleware
    async def _tell_failures(self, request: web.Request, handler) -> web.StreamResponse:
        """Every error as {"error": sentence}; the last answer of a connection that has to end."""
        try:
            response = await handler(request)
        except Exception as error:
            failure = answered(error)
            sentence = _http_sentence(request, failure.http, self._desk.options.max_body)
            sentence = sentence if isinstance(error, web.HTTPException) else failure.sentence
            response = web.json_response({"error": sentence}, status=failure.http)
        unread = not request.content.is_eof() or request.content.exception()
        if self._desk.stopping or unread:
            # aiohttp closes after a body that was not read to its end: a client that is not told
            # may have sent its next request by then.
            response.force_close()
        return response

    async def _predict(self, request: web.Request) -> web.Response:
        desk = self._desk
        with desk.metrics.request("rest") as seen, desk.bodies.hold() as enter:
            asked = _asked(request)
            dialogue = json_tensors.Dialogue(await self._content(request, enter))
            text = await desk.answer(seen, asked, dialogue.read, dialogue.write)
        return web.Response(body=text, content_type="application/json")

    async def _content(self, request: web.Request, enter: Callable[[int], None]) -> bytes:
        """The body; a client that goes, or sends nonsense, is the client's fault and not ours."""
        body, most = bytearray(), self._desk.options.max_body
        try:
            async with asyncio.timeout(_READ_SECONDS):
                async for chunk in request.content.iter_any():
                    enter(len(chunk))
                    body += chunk
                    if len(body) > most:
                        raise web.HTTPRequestEntityTooLarge(most, len(body))
        except TimeoutError:
            raise Late(
                f"The body was not there after {_READ_SECONDS} seconds; expected it at once."
            ) from None
        except (BadHttpMessage, web.RequestPayloadError, ConnectionError):
            raise InputError(
                "The body cannot be read; expected what its headers announce."
            ) from None
        return bytes(body)

    async def _status(self, request: web.Request) -> web.Response:
        name, number = _asked(request)
        self._desk.versions.check_name(name)
        states = [
            {
                "version": str(version),
                "state": state,
                "status": {"error_code": "UNKNOWN" if error else "OK", "error_message": error},
            }
            for version, state, error in self._desk.versions.states(number)
        ]
        return web.json_response({"model_version_status": states})

    async def _metadata(self, request: web.Request) -> web.Response:
        with self._desk.versions.use(*_asked(request)) as version:
            spec = ModelSpec(name=self._desk.options.model)
            spec.version.value = version.model.number
            listed = json_format.MessageToDict(
                version.model.definitions,
                preserving_proto_field_name=True,
                always_print_fields_with_no_presence=True,
            )
        model = {"name": spec.name, "signature_name": "", "version": str(spec.version.value)}
        content = {"model_spec": model, "metadata": {"signature_def": listed}}
        return web.json_response(content)

    async def _metrics(self, request: web.Request) -> web.Response:
        headers = {"Content-Type": metrics.CONTENT_TYPE}
        return web.Response(body=self._desk.metrics.text(), headers=headers)

    async def _health(self, request: web.Request) -> web.Response:
        if self._desk.stopping:
            return web.json_response({"status": "NOT_SERVING"}, status=503)
        return web.json_response({"status": "SERVING"})


def _asked(request: web.Request) -> tuple[str, int | None]:
    """The model and version in a URL; None for the newest."""
    number = request.match_info.get("version")
    if number is not None and not (number.isascii() and number.isdecimal() and len(number) < 20):
        raise InputError(f"The version {number[:50]} is no number; expected one such as 1.")
    return request.match_info["name"], None if number is None else int(number)


async def _refuse_label(request: web.Request) -> web.Response:
    label = request.match_info["label"]
    raise InputError(f"The label {label[:50]} cannot be served; expected a version's number.")


def _http_sentence(request: web.Request, status: int, max_body: int) -> str:
    """What HTTP itself refuses."""
    if status == 413:
        return f"The body is too large; expected at most {max_body} bytes."
    return (
        f"{request.method} {request.path[:100]} is not understood; expected such as "
        "POST /v1/models/NAME:predict."
    )
