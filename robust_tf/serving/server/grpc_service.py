"""TensorFlow Serving's PredictionService over gRPC, beside the standard health service."""

import contextlib
from collections.abc import AsyncIterator

import grpc
import numpy as np
import tensorflow as tf
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.apis.model_pb2 import ModelSpec

from robust_tf.errors import InputError, unknown
from robust_tf.serving.server import inputs
from robust_tf.serving.server.desk import Desk
from robust_tf.serving.server.failures import Stopping, answered
from robust_tf.serving.server.model import Arrays, Signature
from robust_tf.serving.server.options import ServeOptions

SERVICE = "tensorflow.serving.PredictionService"
_SIGNATURES = "signature_def"


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """The methods that are answered, and a sentence for the others.

    Args:
      desk: what answers.
    """

    def __init__(self, desk: Desk):
        self._desk = desk

    async def Predict(self, request, context):
        """The outputs of a signature."""
        async with _told(context):
            with self._desk.metrics.request("grpc") as seen:
                if self._desk.stopping:
                    raise Stopping("The server is stopping; expected another one.")
                name, number = _asked(request.model_spec)
                return await self._desk.answer(
                    seen,
                    (name, number, request.model_spec.signature_name[:100]),
                    lambda signature, options: read(request, signature, options),
                    lambda outputs, *served: write(request, outputs, *served),
                )

    async def GetModelMetadata(self, request, context):
        """The signatures of a version."""
        async with _told(context):
            if list(request.metadata_field) != [_SIGNATURES]:
                raise InputError(f"The metadata_field is not served; expected {_SIGNATURES}.")
            response = get_model_metadata_pb2.GetModelMetadataResponse()
            name, number = _asked(request.model_spec)
            with self._desk.versions.use(name, number) as version:
                response.model_spec.name = name
                response.model_spec.version.value = version.model.number
                response.metadata[_SIGNATURES].Pack(version.model.definitions)
            return response

    async def Classify(self, request, context):
        """Refused: it takes tf.Examples, which no signature of ours does."""
        await _refuse("Classify", context)

    async def Regress(self, request, context):
        """Refused, as Classify."""
        await _refuse("Regress", context)

    async def MultiInference(self, request, context):
        """Refused, as Classify."""
        await _refuse("MultiInference", context)


def read(
    request: predict_pb2.PredictRequest, signature: Signature, options: ServeOptions
) -> Arrays:
    """The checked inputs of a request."""
    for name in request.output_filter:
        if name not in signature.outputs:
            raise unknown("output_filter", name[:100], signature.outputs)
    inputs.check_names(signature, request.inputs)
    return {
        name: _array(spec, request.inputs[name], options) for name, spec in signature.inputs.items()
    }


def write(
    request: predict_pb2.PredictRequest, outputs: Arrays, version: int, signature_name: str
) -> predict_pb2.PredictResponse:
    """The answer with the outputs that the request wants."""
    response = predict_pb2.PredictResponse()
    response.model_spec.name = request.model_spec.name
    response.model_spec.version.value = version
    response.model_spec.signature_name = signature_name
    for name in request.output_filter or outputs:
        response.outputs[name].CopyFrom(tf.make_tensor_proto(outputs[name]))
    return response


def server(desk: Desk) -> tuple[grpc.aio.Server, health.aio.HealthServicer]:
    """A server that has no port yet, and its health, SERVING."""
    limit = desk.options.max_body
    # With reuse, a second server on a port would silently take half of the first one's requests.
    made = grpc.aio.server(
        options=[("grpc.max_receive_message_length", limit), ("grpc.so_reuseport", 0)]
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        PredictionService(desk), made
    )
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


def _array(spec: tf.TensorSpec, proto, options: ServeOptions) -> np.ndarray:
    """A tensor of a request as the checked array of an input."""
    if proto.dtype != spec.dtype.as_datatype_enum:
        try:
            found = tf.as_dtype(proto.dtype).name
        except TypeError:
            found = "no known type"
        raise InputError(f"The input {spec.name} is {found}; expected {spec.dtype.name}.")
    if proto.tensor_shape.unknown_rank:
        raise InputError(f"The input {spec.name} has no shape; expected one.")
    inputs.check_shape(spec, [side.size for side in proto.tensor_shape.dim], options)
    try:
        # Strings that are left out would be filled up with text, which is no bytes.
        array = None if spec.dtype == tf.string and not proto.string_val else tf.make_ndarray(proto)
    except (ValueError, TypeError, IndexError, OverflowError):
        array = None
    if array is None:
        raise InputError(
            f"The values of the input {spec.name} do not fit; expected as many as its shape has, "
            f"each a {spec.dtype.name}."
        )
    inputs.check_values(spec, array)
    return array
