"""An export as TensorFlow Serving has it: through the C API, in a process without our code."""

import pathlib
import pickle
import subprocess
import sys

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

CLIENT = pathlib.Path(__file__).parent / "capi.py"


def signatures(version: pathlib.Path) -> dict:
    """The SignatureDefs of a SavedModel by name, as saved_model_cli lists them."""
    model = saved_model_pb2.SavedModel()
    model.ParseFromString((version / "saved_model.pb").read_bytes())
    found = dict(model.meta_graphs[0].signature_def)
    found.pop("__saved_model_init_op")
    return found


def serve(version: pathlib.Path, requests: list[tuple[str, object]]) -> list[dict]:
    """The answers of a process that has only TensorFlow's C library and the export.

    Args:
      version: an export.
      requests: a signature's name with the value of its only input, or with values by name.
    """
    described = signatures(version)
    runs = []
    for name, value in requests:
        signature = described[name]
        fetches = {key: tensor.name for key, tensor in signature.outputs.items()}
        values = value if isinstance(value, dict) else {next(iter(signature.inputs)): value}
        runs.append(({signature.inputs[key].name: v for key, v in values.items()}, fetches))
    request, reply = version.parent / "request", version.parent / "reply"
    wanted = [{"feeds": feeds, "fetches": list(fetches.values())} for feeds, fetches in runs]
    libraries = str(pathlib.Path(tf.__file__).parent)
    content = {"libraries": libraries, "saved_model": str(version), "runs": wanted}
    request.write_bytes(pickle.dumps(content))
    command = [sys.executable, str(CLIENT), str(request), str(reply)]
    subprocess.run(command, check=True, timeout=120)
    answer = pickle.loads(reply.read_bytes())
    assert not [name for name in answer["modules"] if name.startswith(("tensorflow", "keras"))]
    assert not [name for name in answer["modules"] if name.startswith("robust_tf")]
    pairs = zip(runs, answer["results"], strict=True)
    return [dict(zip(fetches, values, strict=True)) for (_, fetches), values in pairs]
