"""TensorFlow Serving's PredictionService over gRPC."""

from collections.abc import Callable, Sequence
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.message import Message

from robust_tf.interop.serving_protos import (
    get_model_metadata_pb2,
    model_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from robust_tf.serving.client import tensors
from robust_tf.serving.client.failures import NotFound, Passing, Refused, RequestFailed, one_line
from robust_tf.serving.client.options import QueryOptions
from robust_tf.serving.client.signatures import Signature

_SIGNATURES = "signature_def"
# gRPC has one status for a server that is busy and for a message that is too large for it.
_TOO_LARGE = "larger than max"
_CHANNEL = (
    # What is asked again, and when, is for retry.py to say.
    ("grpc.enable_retries", 0),
    # Otherwise a server that comes up would not be seen for seconds.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.max_receive_message_length", -1),
)


class Rpc:
    """A server that is asked in protocol buffers.

    Args:
      options: its address, the model and its version or label.
    """

    def __init__(self, options: QueryOptions):
        self._address = options.address
        self._asked = model_pb2.ModelSpec(name=options.model, version_label=options.label)
        if options.version is not None:
            self._asked.version.value = options.version
        self._channel = grpc.insecure_channel(options.address, options=_CHANNEL)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    def signatures(self, seconds: float) -> dict[str, Any]:
        """The signatures of the model by name, as REST writes them."""
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=self._asked, metadata_field=[_SIGNATURES]
        )
        response = self._ask(self._stub.GetModelMetadata, request, seconds)
        found = get_model_metadata_pb2.SignatureDefMap()
        response.metadata[_SIGNATURES].Unpack(found)
        return json_format.MessageToDict(
            found,
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
        )[_SIGNATURES]

    def predict(
        self, signature: Signature, contents: Sequence[bytes], seconds: float
    ) -> dict[str, list]:
        """The outputs that are shown by name, each with a row for each file."""
        request = predict_pb2.PredictRequest(model_spec=self._asked, output_filter=signature.shown)
        request.model_spec.signature_name = signature.name
        request.inputs[signature.input].CopyFrom(tensors.strings(contents))
        response = self._ask(self._stub.Predict, request, seconds)
        return {name: tensors.nested(name, tensor) for name, tensor in response.outputs.items()}

    def close(self) -> None:
        """Ends the connection."""
        self._channel.close()

    def _ask(self, method: Callable[..., Message], request: Message, seconds: float) -> Message:
        try:
            return method(request, timeout=seconds)
        except grpc.RpcError as error:
            raise self._failure(error, seconds) from None

    def _failure(self, error: grpc.RpcError, seconds: float) -> RequestFailed:
        """The failure for a status."""
        code, details = error.code(), one_line(error.details() or "")
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return RequestFailed(f"{self._address} did not answer within {seconds:.3g} s.")
        if code is grpc.StatusCode.INVALID_ARGUMENT or _TOO_LARGE in details:
            return Refused(details)
        if code is grpc.StatusCode.NOT_FOUND:
            return NotFound(details)
        passing = code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)
        kind = Passing if passing else RequestFailed
        return kind(f"{self._address} answered {code.name}: {details}")
