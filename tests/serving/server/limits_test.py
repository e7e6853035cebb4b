"""Tests of what the server takes at once: bytes of requests, pixels of a call, calls, time."""

import base64
import concurrent.futures
import contextlib
import io
import json
import socket
import time

import grpc
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from robust_tf.serving.server import batching, grpc_service, image_files, rest
from tests.serving.server.running import b64, counting, hand_made, running

ROW = {"instances": [[0.5, 0.5]]}
HELD = "robust_tf_request_bytes"


@tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")], autograph=False)
def files(image_bytes):
    size = tf.shape(image_bytes)[0]
    return {"batch": tf.fill([size], size)}


@tf.function(input_signature=[tf.TensorSpec([None, 2], tf.uint8, "x_bytes")], autograph=False)
def raw(x_bytes):
    return {"sum": tf.reduce_sum(tf.cast(x_bytes, tf.int32), 1)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    functions = {"serving_default": counting(), "slow": counting(0.5), "encoded": files, "raw": raw}
    return hand_made(tmp_path_factory.mktemp("models") / "count" / "1", **functions).parent


def png(side: int) -> dict:
    """A grey square, as a request has it."""
    file = io.BytesIO()
    Image.fromarray(np.zeros((side, side), np.uint8)).save(file, "PNG")
    return b64(file.getvalue())


def begun(served, announced: int, sent: int) -> socket.socket:
    """A connection that has sent a part of its body."""
    connection = socket.create_connection(("127.0.0.1", served.server.rest_port))
    head = f"POST /v1/models/count:predict HTTP/1.1\r\nHost: a\r\nContent-Length: {announced}\r\n"
    connection.sendall(head.encode() + b"\r\n" + b" " * sent)
    return connection


def answer(connection: socket.socket) -> tuple[int, str]:
    """The status and the sentence of a connection's answer."""
    connection.settimeout(20)
    head, _, body = connection.recv(4000).partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["error"]


def held(served, expected: int) -> int:
    """How many bytes are held, once they are as many as expected; else after a while."""
    for _ in range(100):
        if (found := int(served.metric(HELD))) == expected:
            break
        time.sleep(0.05)
    return found


def test_bytes_beyond_the_room_are_refused_until_others_go(folder):
    with running(folder, max_body=1000) as served, contextlib.ExitStack() as stack:
        for _ in range(16):
            stack.enter_context(begun(served, 1000, 999))
        assert held(served, 16 * 999) == 16 * 999
        with begun(served, 1000, 17) as one_more:
            sentence = "15984 bytes of requests are held; expected at most 16000."
            assert answer(one_more) == (503, sentence)
        stack.close()
        assert held(served, 0) == 0
        assert served.predict(**ROW).status_code == 200
        assert held(served, 0) == 0


def test_a_body_that_does_not_come_is_given_up(folder, monkeypatch):
    monkeypatch.setattr(rest, "_READ_SECONDS", 0.2)
    with running(folder) as served:
        with begun(served, 1000, 1) as slow:
            sentence = "The body was not there after 0.2 seconds; expected it at once."
            assert answer(slow) == (408, sentence)
        assert served.predict(**ROW).status_code == 200


def test_the_pixels_of_a_request_are_bounded_before_any_is_decoded(folder):
    with running(folder) as served:
        # Their ends are missing, which only decoding would tell.
        half = b64(base64.b64decode(png(5000)["b64"])[:100])
        refused = served.predict(signature_name="encoded", instances=[half] * 2)
        assert refused.status_code == 400
        sentence = "has 50,000,000 pixels in all; expected at most 40,000,000 a request."
        assert refused.json()["error"].endswith(sentence)


def test_numbers_whose_name_ends_as_that_of_files_are_numbers(folder):
    with running(folder) as served:
        answer = served.predict(signature_name="raw", instances=[[1, 2], [3, 4]])
        assert answer.json() == {"predictions": [3, 7]}


def test_the_pixels_of_a_call_are_bounded(folder, monkeypatch):
    for module in (image_files, batching):
        monkeypatch.setattr(module, "MAX_PIXELS", 100)
    with running(folder, batch_timeout=1500, max_batch=8) as served:

        def ask(side):
            sent = served.predict(signature_name="encoded", instances=[png(side)])
            return sent.json()["predictions"][0]

        with concurrent.futures.ThreadPoolExecutor(5) as pool:
            # 64 and 36 pixels fit together; two of 64 do not.
            batches = sorted(pool.map(ask, [8, 8, 6]))
    assert batches == [1, 2, 2]


def test_calls_of_grpc_beyond_the_most_are_refused(folder, monkeypatch):
    monkeypatch.setattr(grpc_service, "_MOST_CALLS", 1)
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "count"
    request.model_spec.signature_name = "slow"
    request.inputs["images"].CopyFrom(tf.make_tensor_proto([[0.5, 0.5]]))
    with running(folder, grpc_port=0) as served:
        with grpc.insecure_channel(f"127.0.0.1:{served.server.grpc_port}") as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            calls = [stub.Predict.future(request, timeout=60) for _ in range(2)]
            codes = {call.code() for call in calls}
            assert codes == {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
            stub.Predict(request, timeout=60)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
