"""Requests of a server as data, and how each is sent.

A request is made from random numbers alone and says nothing of clients, so that a seed makes the
same ones whoever sends them.
"""

import base64
import contextlib
import dataclasses
import json
import random
import socket
import time
import urllib.parse
from typing import Any

import grpc
import numpy as np
import requests
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

SERVICE = "/tensorflow.serving.PredictionService/"
_SECONDS = 120


@dataclasses.dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
      code: REST's status, gRPC's, or what became of the connection.
      text: the sentence of a refusal, or all that there is.
      logits: of each image, where it was answered.
    """

    code: str
    text: str = ""
    logits: Any = None


@dataclasses.dataclass(frozen=True)
class Rest:
    """A request over HTTP, its path behind the model's or from the root on."""

    body: bytes = b""
    path: str = ":predict"
    verb: str = "POST"
    headers: dict[str, bytes] = dataclasses.field(default_factory=dict)
    from_root: bool = False

    def send(self, client: "Client") -> Answer:
        """The answer."""
        url = client.rest + self.path
        if self.from_root:
            url = urllib.parse.urljoin(client.rest, "/") + self.path
        try:
            answer = client.session.request(
                self.verb, url, data=self.body, headers=self.headers, timeout=_SECONDS
            )
        except requests.ConnectionError:
            return Answer("closed")
        logits = None
        if answer.status_code == 200 and self.path.endswith(":predict"):
            logits = _logits(answer.json())
        return Answer(str(answer.status_code), answer.text, logits)


@dataclasses.dataclass(frozen=True)
class Rpc:
    """A call of gRPC; a short deadline cuts it."""

    message: bytes
    method: str = "Predict"
    seconds: float = _SECONDS

    def send(self, client: "Client") -> Answer:
        """The answer."""
        try:
            content = client.channel.unary_unary(SERVICE + self.method)(
                self.message, timeout=self.seconds
            )
        except grpc.RpcError as error:
            return Answer(error.code().name, error.details() or "")
        outputs = predict_pb2.PredictResponse.FromString(content).outputs
        logits = tf.make_ndarray(outputs["logits"]) if "logits" in outputs else None
        return Answer("OK", "", logits)


@dataclasses.dataclass(frozen=True)
class Raw:
    """Bytes on a connection, a moment between each two parts; cut off after the last, or read."""

    parts: tuple[bytes, ...]
    cut: bool = True
    to_grpc: bool = False

    def send(self, client: "Client") -> Answer:
        """The answer, where there is one to wait for."""
        place = client.grpc if self.to_grpc else urllib.parse.urlsplit(client.rest).netloc
        host, port = place.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=_SECONDS) as connection:
            with contextlib.suppress(ConnectionError):
                for part in self.parts:
                    connection.sendall(part)
                    time.sleep(0.02)
            if self.cut:
                return Answer("cut")
            content = connection.makefile("rb").read()
        head, _, body = content.partition(b"\r\n\r\n")
        code = head.split()[1].decode()
        return Answer(code, body.decode(), _logits(json.loads(body)) if code == "200" else None)


Request = Rest | Rpc | Raw


class Client:
    """Connections to a server.

    Args:
      rest: the model's URL.
      grpc_address: host and port.
    """

    def __init__(self, rest: str, grpc_address: str):
        self.rest = rest
        self.grpc = grpc_address
        self.session = requests.Session()
        # Without it, clients of one process share a connection.
        own = [("grpc.use_local_subchannel_pool", 1)]
        self.channel = grpc.insecure_channel(grpc_address, own)


def as_rest(signature: str, name: str, values: Any, path: str = ":predict", rows=True) -> Rest:
    """A predict request over REST; bytes become base64."""
    body = {"signature_name": signature}
    body |= {"instances": values} if rows else {"inputs": {name: values}}
    return Rest(json.dumps(body, default=_jsonable).encode(), path)


def as_rpc(model: str, signature: str, name: str, values: Any, dtype=None, version=None) -> Rpc:
    """A predict request over gRPC."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    request.inputs[name].CopyFrom(tf.make_tensor_proto(values, dtype))
    return Rpc(request.SerializeToString())


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Bytes with some of them changed, gone or added, or their end cut off."""
    content = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 5, 50))):
        place = rng.randrange(len(content) + 1)
        what = rng.randrange(4)
        if what == 0:
            content[place : place + 1] = rng.randbytes(1)
        elif what == 1:
            del content[place : place + rng.randrange(1, 40)]
        elif what == 2:
            content[place:place] = rng.randbytes(rng.randrange(1, 20))
        else:
            del content[max(place, 1) :]
    return bytes(content)


def _jsonable(value: Any) -> Any:
    return {"b64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value.tolist()


def _logits(content: dict) -> np.ndarray | None:
    """Those of an answer by rows or by columns."""
    if "predictions" in content:
        return np.array([row["logits"] for row in content["predictions"]])
    return np.array(content["outputs"]["logits"]) if "outputs" in content else None
