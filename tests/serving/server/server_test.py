"""Tests of the server's life: its ports, its end by a signal, and what runs meanwhile."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

import grpc
import pytest
import requests
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from robust_tf.errors import InputError
from robust_tf.serving.server import ServeOptions, serve
from tests.commands.running import ROOT
from tests.serving.server.running import counting, hand_made, running

sys.path.insert(0, str(ROOT / "tools"))

from server_trials.load import UNBEGUN  # noqa: E402

START = """
import sys
from robust_tf.serving.server import ServeOptions, serve
serve(ServeOptions(sys.argv[1], rest_port=0, grpc_port=0, grace_seconds=float(sys.argv[2])))
"""
ROW = [0.5, 0.5]


@tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, "images")])
def large(images):
    return {"many": tf.ones([tf.shape(images)[0], 2_000_000])}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    functions = {"serving_default": counting(0.02), "slow": counting(2.0), "long": counting(60.0)}
    functions["large"] = large
    folder = tmp_path_factory.mktemp("models") / "count" / "1"
    # Nothing is recorded to warm up with, so that starting does not wait for the long calls.
    hand_made(folder, **functions)
    (folder / "assets.extra").mkdir()
    (folder / "assets.extra" / "tf_serving_warmup_requests").touch()
    return folder.parent


class Process:
    """A server in a process of its own, once it answers."""

    def __init__(self, folder, grace: float):
        command = [sys.executable, "-c", START, str(folder), str(grace)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        lines = [self.process.stdout.readline().strip() for _ in range(3)]
        assert lines[0] == "Serving version 1 of count."
        self.url = lines[1].removeprefix("REST: ")
        self.root = self.url.removesuffix("/v1/models/count")
        self.grpc = lines[2].removeprefix("gRPC: ")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def predict(self, session=requests, name="serving_default") -> requests.Response:
        body = {"signature_name": name, "instances": [ROW]}
        return session.post(self.url + ":predict", json=body, timeout=60)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def status(self) -> int:
        return self.process.wait(30)


def was_refused(error: requests.ConnectionError) -> bool:
    """Whether there was nobody to connect to, so that nothing was sent."""
    return "Connection refused" in str(error)


def load(ask, answers: list) -> threading.Thread:
    """A client that asks until it is told that nobody takes requests any more."""

    def run():
        while True:
            answer = ask()
            if answer is None:
                return
            answers.append(answer)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_sigterm_under_load_loses_nothing(folder):
    with Process(folder, 20) as server, grpc.insecure_channel(server.grpc) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "count"
        request.inputs["images"].CopyFrom(tf.make_tensor_proto([ROW]))

        def rest(session):
            try:
                answer = server.predict(session)
                return answer.status_code, answer.json()["predictions"][0]["same"]
            except requests.ConnectionError as error:
                return None if was_refused(error) else ("lost", str(error))

        def rpc():
            try:
                answer = stub.Predict(request, timeout=60)
                return 200, tf.make_ndarray(answer.outputs["same"])[0].tolist()
            except grpc.RpcError as error:
                # Not by its status, which a call that was cut off in its middle has as well.
                refused = any(words in (error.details() or "") for words in UNBEGUN)
                return None if refused else ("lost", str(error))

        answers = {"kept": [], "fresh": [], "grpc": []}
        sessions = [requests.Session() for _ in range(3)]
        clients = [load(lambda s=s: rest(s), answers["kept"]) for s in sessions]
        clients += [load(lambda: rest(requests), answers["fresh"]) for _ in range(3)]
        clients += [load(rpc, answers["grpc"]) for _ in range(3)]
        time.sleep(1.5)
        server.terminate()
        for client in clients:
            client.join(60)
        assert server.status() == 0
        for each in answers.values():
            assert len(each) > 3
            assert set(map(str, each)) == {str((200, ROW))}


def test_what_runs_is_finished_and_health_says_that_the_server_stops(folder):
    with Process(folder, 20) as server, grpc.insecure_channel(server.grpc) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        asked = health_pb2.HealthCheckRequest()
        assert health.Check(asked).status == health_pb2.HealthCheckResponse.SERVING
        answers = []
        client = threading.Thread(target=lambda: answers.append(server.predict(name="slow")))
        with requests.Session() as session:
            assert session.get(server.root + "/health", timeout=60).status_code == 200
            client.start()
            time.sleep(0.7)
            server.terminate()
            time.sleep(0.3)
            assert health.Check(asked).status == health_pb2.HealthCheckResponse.NOT_SERVING
            answer = session.get(server.root + "/health", timeout=60)
            assert (answer.status_code, answer.json()) == (503, {"status": "NOT_SERVING"})
            assert answer.headers["Connection"] == "close"
        with pytest.raises(requests.ConnectionError, match="Connection refused"):
            server.predict()
        assert not answers
        assert server.status() == 0
        client.join()
        assert answers[0].json() == {"predictions": [{"same": ROW, "batch": 1}]}


def test_a_signal_ends_it_while_its_model_loads(tmp_path, capsys):
    # Without recorded requests, each signature is called before anything is served.
    hand_made(tmp_path / "slow" / "1", serving_default=counting(3.0))
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    telling = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGTERM))
    telling.start()
    try:
        serve(ServeOptions(tmp_path / "slow", rest_port=0, grpc_port=0))
    finally:
        telling.join()
        signal.signal(signal.SIGTERM, before)
    assert "Serving" not in capsys.readouterr().out


def test_what_takes_longer_than_the_grace_does_not_keep_the_server(folder):
    with Process(folder, 0.5) as server:
        failures = []

        def ask():
            try:
                failures.append(server.predict(name="long").status_code)
            except requests.ConnectionError:
                failures.append("ended")

        client = threading.Thread(target=ask)
        client.start()
        time.sleep(0.7)
        started = time.monotonic()
        server.terminate()
        assert server.status() == 0
        assert time.monotonic() - started < 10
        client.join()
        assert failures in (["ended"], [500])


def test_an_answer_that_is_being_sent_is_sent_to_its_end(folder):
    with contextlib.ExitStack() as server, socket.socket() as slow, requests.Session() as idle:
        url = server.enter_context(running(folder)).url
        assert idle.get(url, timeout=60).status_code == 200
        # So small that the answer does not fit into what the kernel holds for a connection.
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.settimeout(10)
        place = urllib.parse.urlsplit(url)
        slow.connect((place.hostname, place.port))
        body = b'{"signature_name": "large", "instances": [[0.5, 0.5]]}'
        head = f"POST {place.path}:predict HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n"
        slow.sendall(head.encode() + body)
        content = slow.recv(1)
        ending = threading.Thread(target=server.close)
        ending.start()
        time.sleep(1.2)
        while part := slow.recv(2**20):
            content += part
        ending.join()
    head, _, body = content.partition(b"\r\n\r\n")
    assert len(body) == int(re.search(rb"Content-Length: (\d+)", head)[1]) > 2**23


@pytest.mark.parametrize("name", ["rest_port", "grpc_port"])
def test_a_port_that_is_taken_is_refused(folder, name):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"--{name}={port} cannot be opened"):
            with running(folder, **{name: port}):
                pass


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
