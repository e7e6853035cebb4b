"""TensorFlow's TensorProtos to arrays and back, as PredictionService has them."""

from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import predict_pb2

from robust_tf.errors import InputError, unknown
from robust_tf.serving.server import inputs
from robust_tf.serving.server.model import Arrays, Signature
from robust_tf.serving.server.options import ServeOptions


def read(
    request: predict_pb2.PredictRequest, choose: Callable[[str], Signature], options: ServeOptions
) -> tuple[Signature, Arrays]:
    """The signature of a request and its checked inputs."""
    signature = choose(request.model_spec.signature_name[:100])
    _refuse_outputs(request.output_filter, signature)
    inputs.check_names(signature, request.inputs)
    return signature, {
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


def _refuse_outputs(wanted: Iterable[str], signature: Signature) -> None:
    """Raises unless the outputs are the signature's, each once: each costs a copy of it."""
    seen = set()
    for name in wanted:
        if name not in signature.outputs:
            raise unknown("output_filter", name[:100], signature.outputs)
        if name in seen:
            raise InputError(
                f"The output_filter has the duplicate output {name}; expected each output once."
            )
        seen.add(name)


def _array(spec: tf.TensorSpec, proto: tensor_pb2.TensorProto, options: ServeOptions) -> np.ndarray:
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
