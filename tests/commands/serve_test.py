"""python -m robust_tf.serve, as a user types it."""

import contextlib
import dataclasses
import signal
import socket
import subprocess

import grpc
import numpy as np
import pytest
import requests
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from robust_tf import networks
from robust_tf.config import definitions
from robust_tf.serving.server import ServeOptions
from tests.commands.running import ROOT, command, environment, run

IMAGES = np.random.default_rng(0).uniform(size=(3, 8, 8, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A network, and the folder that the command export wrote it to."""
    folder = tmp_path_factory.mktemp("models")
    network = networks.build("cnn-small", (8, 8, 1), 10)
    network.save(folder / "digits.keras")
    run(*command("export", f"--model={folder}/digits.keras", f"--export_dir={folder}/digits"))
    return network, folder / "digits"


@contextlib.contextmanager
def serving(*flags: str):
    """The command, killed at the end if it still runs."""
    line = command("serve", *flags)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(line, cwd=ROOT, env=environment(), **pipes)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_an_export_is_served_until_sigterm(exported):
    network, folder = exported
    logits = network(IMAGES, training=False).numpy()
    with serving(f"--model_dir={folder}", "--rest_port=0", "--grpc_port=0") as process:
        lines = [process.stdout.readline().strip() for _ in range(3)]
        assert lines[0] == "Serving version 1 of digits."
        url, address = lines[1].removeprefix("REST: "), lines[2].removeprefix("gRPC: ")
        answer = requests.post(url + ":predict", json={"inputs": IMAGES.tolist()}, timeout=60)
        np.testing.assert_allclose(answer.json()["outputs"]["logits"], logits, atol=1e-5)
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "digits"
        request.inputs["images"].CopyFrom(tf.make_tensor_proto(IMAGES))
        with grpc.insecure_channel(address) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            found = tf.make_ndarray(stub.Predict(request, timeout=60).outputs["logits"])
        np.testing.assert_allclose(found, logits, atol=1e-5)
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=60) == ("Stopping.\n", "")
        assert process.returncode == 0


def test_flags_reach_the_server(exported):
    flags = ("--name=other", "--grpc_port=none", "--max_request_batch=2", "--rest_port=0")
    with serving(f"--model_dir={exported[1]}", *flags) as process:
        assert process.stdout.readline() == "Serving version 1 of other.\n"
        url = process.stdout.readline().strip().removeprefix("REST: ")
        assert url.endswith("/v1/models/other")
        answer = requests.post(url + ":predict", json={"inputs": IMAGES.tolist()}, timeout=60)
        assert (answer.status_code, "expected at most 2" in answer.text) == (400, True)
        process.send_signal(signal.SIGINT)
        # gRPC is off: its line would have come before this one.
        assert process.communicate(timeout=60) == ("Stopping.\n", "")
        assert process.returncode == 0


def test_a_port_that_is_taken_gets_one_sentence(exported):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        flag = f"--rest_port={taken.getsockname()[1]}"
        done = run(*command("serve", f"--model_dir={exported[1]}", flag), status=2)
    assert f"robust_tf: {flag} cannot be opened" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_folder_that_is_none_gets_one_sentence(tmp_path):
    done = run(*command("serve", f"--model_dir={tmp_path}/nowhere"), status=2)
    assert "nowhere is no folder; expected one of numbered versions" in done.stderr


def test_flags_have_the_servers_own_defaults():
    defaults = {flag.name: flag.default for flag in definitions.all_flags()}
    fields = [field for field in dataclasses.fields(ServeOptions) if field.name != "model_dir"]
    found = {field.name: defaults[field.name] for field in fields}
    # A folder's name, for which the command line has no text.
    assert found == {field.name: field.default for field in fields} | {"name": None}


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
