"""Model servers made by hand, in both protocols: they do what a test tells them, and count."""

import base64
import concurrent.futures
import contextlib
import http.server
import json
import socket
import threading
import types
from collections.abc import Iterator

import grpc
import pytest

from robust_tf.interop import serving_protos
from robust_tf.serving.client import QueryOptions, retry

PROTOCOLS = ("rest", "grpc")
MODEL = "shapes"
PROBABILITIES = [0.25, 0.625, 0.125]
# What a server does with a request, and how each protocol says it.
STATUSES = {
    "unavailable": (503, grpc.StatusCode.UNAVAILABLE),
    "busy": (429, grpc.StatusCode.RESOURCE_EXHAUSTED),
    "invalid": (400, grpc.StatusCode.INVALID_ARGUMENT),
    "missing": (404, grpc.StatusCode.NOT_FOUND),
    "failed": (500, grpc.StatusCode.INTERNAL),
}
BAD = b"bad"
# As TensorFlow Serving is.
_UNLIMITED = [("grpc.max_receive_message_length", -1)]


def _sides(*sizes: int) -> dict:
    return {"tensor_shape": {"dim": [{"size": str(size)} for size in sizes]}}


LISTED = {
    "encoded": {
        "inputs": {"image_bytes": {"dtype": "DT_STRING", **_sides(-1)}},
        "outputs": {"probabilities": {"dtype": "DT_FLOAT", **_sides(-1, 3)}},
    }
}


class Fake:
    """What both protocols do.

    Attributes:
      address: what --server is given.
      label: the version's that is there; empty for one without.
      trouble: what becomes of the next predict requests; those after them are answered.
      asked: the images of each predict request that came.
      nap: the seconds that "asleep" takes.
      slept_out: whether the last one took all of them.
    """

    def __init__(self):
        self.address = ""
        self.label = ""
        self.trouble: list[str] = []
        self.asked: list[list[bytes]] = []
        self.nap = 30.0
        self.slept_out = False
        self._awake = threading.Event()

    def options(self, *images: str, **others) -> QueryOptions:
        """Options that ask this server."""
        return QueryOptions(images or ("a.png",), server=self.address, model=MODEL, **others)

    def fate(self, contents: list[bytes]) -> str | None:
        """What becomes of a predict request; None if it is answered."""
        self.asked.append(contents)
        fate = self.trouble.pop(0) if self.trouble else None
        if fate == "asleep":
            self.slept_out = not self._awake.wait(self.nap)
            return None
        return "invalid" if BAD in contents else fate

    def wake(self) -> None:
        """Ends every nap."""
        self._awake.set()


def _handler(fake: Fake) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            found = {"signature_def": {"signature_def": LISTED}}
            if self.known("/metadata"):
                self.answer(200, {"metadata": found})
            else:
                self.answer(404, {"error": f"{self.path} is not there."})

        def known(self, verb: str) -> bool:
            label = fake.label and f"/labels/{fake.label}"
            return self.path == f"/v1/models/{MODEL}{label}{verb}"

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            rows = body["inputs"]["image_bytes"]
            fate = fake.fate([base64.b64decode(row["b64"]) for row in rows])
            if not self.known(":predict"):
                fate = "missing"
            if fate:
                self.answer(STATUSES[fate][0], {"error": f"It is {fate}."})
            else:
                self.answer(200, {"outputs": [PROBABILITIES] * len(rows)})

        def answer(self, status, content):
            body = json.dumps(content).encode()
            # A client that has given up is no news.
            with contextlib.suppress(ConnectionError):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler


class _Service(serving_protos.prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, fake: Fake):
        self._fake = fake

    def GetModelMetadata(self, request, context):
        if not self._known(request):
            context.abort(grpc.StatusCode.NOT_FOUND, "It is not there.")
        found = serving_protos.get_model_metadata_pb2.SignatureDefMap()
        signature = found.signature_def["encoded"]
        signature.inputs["image_bytes"].dtype = serving_protos.types_pb2.DT_STRING
        for size in (-1, 3):
            signature.outputs["probabilities"].tensor_shape.dim.add(size=size)
        response = serving_protos.get_model_metadata_pb2.GetModelMetadataResponse()
        response.metadata["signature_def"].Pack(found)
        return response

    def _known(self, request) -> bool:
        asked = request.model_spec
        return (asked.name, asked.version_label) == (MODEL, self._fake.label)

    def Predict(self, request, context):
        contents = list(request.inputs["image_bytes"].string_val)
        fate = self._fake.fate(contents)
        if list(request.output_filter) != ["probabilities"]:
            fate = "failed"
        if not self._known(request):
            fate = "missing"
        if fate:
            context.abort(STATUSES[fate][1], f"It is {fate}.")
        response = serving_protos.predict_pb2.PredictResponse()
        output = response.outputs["probabilities"]
        output.dtype = serving_protos.types_pb2.DT_FLOAT
        output.float_val.extend(PROBABILITIES * len(contents))
        for size in (len(contents), 3):
            output.tensor_shape.dim.add(size=size)
        return response


@contextlib.contextmanager
def http_server(handler: type, port: int = 0) -> Iterator[int]:
    """An HTTP server with this handler in a thread; gives its port."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@contextlib.contextmanager
def fake_server(protocol: str, port: int = 0) -> Iterator[Fake]:
    """A model server that speaks this protocol."""
    fake = Fake()
    with contextlib.ExitStack() as ends:
        if protocol == "rest":
            port = ends.enter_context(http_server(_handler(fake), port))
            fake.address = f"127.0.0.1:{port}"
        else:
            server = grpc.server(concurrent.futures.ThreadPoolExecutor(4), options=_UNLIMITED)
            service = serving_protos.prediction_service_pb2_grpc
            service.add_PredictionServiceServicer_to_server(_Service(fake), server)
            port = server.add_insecure_port(f"127.0.0.1:{port}")
            fake.address = f"grpc://127.0.0.1:{port}"
            server.start()
            ends.callback(lambda: server.stop(None).wait(10))
        ends.callback(fake.wake)
        yield fake


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def pauses_of(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between retries, which are not waited for: for them, no other time passes."""
    waited: list[float] = []
    clock = types.SimpleNamespace(monotonic=lambda: sum(waited), sleep=waited.append)
    monkeypatch.setattr(retry, "time", clock)
    return waited
