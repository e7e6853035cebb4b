"""TensorFlow's TensorProtos, from bytes and to lists, without TensorFlow."""

import math
import struct
from collections.abc import Sequence

from robust_tf.interop.serving_protos import tensor_pb2, types_pb2
from robust_tf.serving.client.failures import RequestFailed

# How the values of a type are packed, and where they stand otherwise.
_TYPES = {
    types_pb2.DT_FLOAT: ("f", "float_val"),
    types_pb2.DT_DOUBLE: ("d", "double_val"),
    types_pb2.DT_INT32: ("i", "int_val"),
    types_pb2.DT_INT64: ("q", "int64_val"),
    types_pb2.DT_BOOL: ("?", "bool_val"),
}


def strings(contents: Sequence[bytes]) -> tensor_pb2.TensorProto:
    """A tensor with a row for each."""
    tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, string_val=contents)
    tensor.tensor_shape.dim.add(size=len(contents))
    return tensor


def nested(name: str, tensor: tensor_pb2.TensorProto) -> list:
    """The values of an output, as lists in lists."""
    if tensor.dtype not in _TYPES:
        kinds = ", ".join(types_pb2.DataType.Name(kind) for kind in _TYPES)
        raise RequestFailed(f"The output {name} is of type {tensor.dtype}; expected {kinds}.")
    code, field = _TYPES[tensor.dtype]
    sides = [side.size for side in tensor.tensor_shape.dim]
    size = math.prod(sides)
    if tensor.tensor_content:
        packed = f"<{size}{code}"
        if struct.calcsize(packed) != len(tensor.tensor_content):
            raise RequestFailed(f"The output {name} has other values than its shape {sides}.")
        values = list(struct.unpack(packed, tensor.tensor_content))
    else:
        # As in every TensorProto, values that are left out are equal to the last, or to zero.
        values = list(getattr(tensor, field)) or [0]
        values = (values + values[-1:] * (size - len(values)))[:size]
    for i in range(len(sides) - 1, 0, -1):
        side, count = sides[i], math.prod(sides[:i])
        values = [values[k * side : (k + 1) * side] for k in range(count)]
    return values
