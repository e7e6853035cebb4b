"""TensorFlow Serving's PredictionService over gRPC, beside the standard health service."""

import contextlib
import functools
from collections.abc import AsyncIterator
from typing import TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2
from tensorflow_serving.apis.model_pb2 import ModelSpec

from robust_tf.errors import InputError
from robust_tf.serving.server import proto_tensors
from robust_tf.serving.server.desk import Desk
from robust_tf.serving.server.failures import Stopping, answered

SERVICE = "tensorflow.serving.PredictionService"
_SIGNATURES = "signature_def"
# Whose messages gRPC may be receiving or we answering; those beyond get RESOURCE_EXHAUSTED.
_MOST_CALLS = 256
_Wanted = TypeVar("_Wanted", bound=Message)


class PredictionService:
    """The methods that are answered, and a sentence for the others.

    They take messages as bytes: what gRPC itself cannot parse ends in a stack trace.

    Args:
      desk: what answers.
    """

    def __init__(self, desk: Desk):
        self._desk = desk

    def handler(self) -> grpc.GenericRpcHandler:
        """The methods as a server takes them."""
        methods = {
            each.__name__: grpc.unary_unary_rpc_method_handler(
                each, response_serializer=lambda response: response.SerializeToString()
            )
            for each in (
                self.Predict,
                self.GetModelMetadata,
                self.Classify,
                self.Regress,
                self.MultiInference,
            )
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    async def Predict(
        self, content: bytes, context: grpc.aio.ServicerContext
    ) -> predict_pb2.PredictResponse:
        """The outputs of a signature."""
        async with _told(context):
            with self._desk.metrics.request("grpc") as seen, self._desk.bodies.hold() as enter:
                if self._desk.stopping:
                    raise Stopping("The server is stopping; expected another one.")
                enter(len(content))
                request = _parsed(predict_pb2.PredictRequest, content)
                return await self._desk.answer(
                    seen,
                    _asked(request.model_spec),
                    functools.partial(proto_tensors.read, request),
                    functools.partial(proto_tensors.write, request),
                )

    async def GetModelMetadata(
        self, content: bytes, context: grpc.aio.ServicerContext
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """The signatures of a version."""
        async with _told(context):
            request = _parsed(get_model_metadata_pb2.GetModelMetadataRequest, content)
            if list(request.metadata_field) != [_SIGNATURES]:
                raise InputError(f"The metadata_field is not served; expected {_SIGNATURES}.")
            response = get_model_metadata_pb2.GetModelMetadataResponse()
            name, number = _asked(request.model_spec)
            with self._desk.versions.use(name, number) as version:
                response.model_spec.name = name
                response.model_spec.version.value = version.model.number
                response.metadata[_SIGNATURES].Pack(version.model.definitions)
            return response

    async def Classify(self, content: bytes, context: grpc.aio.ServicerContext) -> None:
        """Refused: it takes tf.Examples, which no signature of ours does."""
        await _refuse("Classify", context)

    async def Regress(self, content: bytes, context: grpc.aio.ServicerContext) -> None:
        """Refused, as Classify."""
        await _refuse("Regress", context)

    async def MultiInference(self, content: bytes, context: grpc.aio.ServicerContext) -> None:
        """Refused, as Classify."""
        await _refuse("MultiInference", context)


def server(desk: Desk) -> tuple[grpc.aio.Server, health.aio.HealthServicer]:
    """A server that has no port yet, and its health, SERVING."""
    limit = desk.options.max_body
    # With reuse, a second server on a port would silently take half of the first one's requests.
    made = grpc.aio.server(
        options=[("grpc.max_receive_message_length", limit), ("grpc.so_reuseport", 0)],
        maximum_concurrent_rpcs=_MOST_CALLS,
    )
    made.add_generic_rpc_handlers((PredictionService(desk).handler(),))
    status = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(status, made)
    return made, status


async def show_serving(status: health.aio.HealthServicer) -> None:
    """Health says SERVING, of the server and of its service."""
    for name in (health.SERVICE_NAME, health.OVERALL_HEALTH, SERVICE):
        await status.set(name, health_pb2.HealthCheckResponse.SERVING)


@contextlib.asynccontextmanager
async def _told(context: grpc.aio.ServicerContext) -> AsyncIterator[None]:
    """Errors as a status and one sentence."""
    try:
        yield
    except Exception as error:
        failure = answered(error)
        await context.abort(failure.code, failure.sentence)


def _parsed(kind: type[_Wanted], content: bytes) -> _Wanted:
    """The message in a request."""
    try:
        return kind.FromString(content)
    except DecodeError:
        name = kind.DESCRIPTOR.full_name
        raise InputError(f"The message cannot be read; expected a {name}.") from None


async def _refuse(method: str, context: grpc.aio.ServicerContext) -> None:
    sentence = f"{method} is not served; expected Predict or GetModelMetadata."
    await context.abort(grpc.StatusCode.UNIMPLEMENTED, sentence)


def _asked(spec: ModelSpec) -> tuple[str, int | None]:
    """The model and version of a request; None for the newest."""
    if not spec.name:
        raise InputError("The model_spec has no name; expected the model's.")
    choice = spec.WhichOneof("version_choice")
    if choice == "version_label":
        label = spec.version_label[:50]
        raise InputError(f"The label {label} cannot be served; expected a version's number.")
    return spec.name, spec.version.value if choice else None
