"""The client against the local server, and against the real one where it is on PATH."""

import contextlib
import io
import pathlib
import shutil
import subprocess
import time
from collections.abc import Iterator

import keras
import numpy as np
import pytest
import requests
import tensorflow as tf
from PIL import Image

from robust_tf.errors import InputError
from robust_tf.serving.client import Query, QueryOptions
from robust_tf.serving.client.answers import Answer, Failure
from robust_tf.serving.signatures import BARE, add_signatures, bare
from tests.linear import softmax
from tests.serving.client.fake import PROTOCOLS, free_port
from tests.serving.server.running import SHAPE, WEIGHTS, network, running

REAL = "tensorflow_model_server"
PIXELS = np.random.default_rng(2).integers(0, 256, (5, *SHAPE), dtype=np.uint8)
PROBABILITIES = softmax((PIXELS / 255).reshape(5, -1) @ WEIGHTS)


def file_bytes(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory) -> pathlib.Path:
    """An export whose defended signatures count what a person can count."""
    made = network()

    def counted(images):
        brightness = tf.reduce_sum(images, axis=(1, 2, 3))
        return {
            "logits": made(images, training=False),
            "steps": tf.cast(brightness, tf.int32),
            "converged": images[:, 0, 0, 0] > 0.5,
        }

    archive = keras.export.ExportArchive()
    archive.track(made)
    add_signatures(archive, SHAPE, {BARE: bare(made), "defended": counted})
    folder = tmp_path_factory.mktemp("models") / "digits"
    archive.write_out(folder / "1", verbose=False)
    return folder


@contextlib.contextmanager
def local_server(model_dir: pathlib.Path) -> Iterator[dict[str, str]]:
    """The addresses of a local server, by protocol."""
    with running(model_dir, grpc_port=0, batch_timeout=0.0) as served:
        ports = {"rest": served.server.rest_port, "grpc": served.server.grpc_port}
        yield addresses(ports)


@contextlib.contextmanager
def real_server(model_dir: pathlib.Path) -> Iterator[dict[str, str]]:
    """The addresses of TensorFlow Serving, by protocol."""
    ports = {protocol: free_port() for protocol in PROTOCOLS}
    command = [
        REAL,
        f"--rest_api_port={ports['rest']}",
        f"--port={ports['grpc']}",
        "--model_name=digits",
        f"--model_base_path={model_dir}",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until_available(process, f"http://127.0.0.1:{ports['rest']}/v1/models/digits")
        yield addresses(ports)
    finally:
        process.kill()
        process.wait()


def addresses(ports: dict[str, int]) -> dict[str, str]:
    """What --server is given."""
    return {
        "rest": f"127.0.0.1:{ports['rest']}",
        "grpc": f"grpc://127.0.0.1:{ports['grpc']}",
    }


def until_available(process: subprocess.Popen, url: str) -> None:
    """Waits until the model at this URL is served."""
    for _ in range(600):
        assert process.poll() is None, f"{REAL} ended with {process.returncode}"
        with contextlib.suppress(requests.RequestException):
            if '"AVAILABLE"' in requests.get(url, timeout=5).text:
                return
        time.sleep(0.1)
    raise TimeoutError(url)


@pytest.fixture(scope="module", params=["local", "real"])
def served(request, model_dir) -> Iterator[dict[str, str]]:
    """A server's addresses."""
    if request.param == "real" and not shutil.which(REAL):
        pytest.skip(f"{REAL} is not on PATH")
    with (local_server if request.param == "local" else real_server)(model_dir) as found:
        yield found


@pytest.fixture
def folder(tmp_path) -> pathlib.Path:
    """The five images, 0.png to 4.png."""
    for i, image in enumerate(PIXELS):
        (tmp_path / f"{i}.png").write_bytes(file_bytes(image))
    return tmp_path


@pytest.mark.parametrize("protocol", PROTOCOLS)
class TestServers:
    """The same for every server and both protocols."""

    def results(self, served, protocol, *images, **options) -> list[Answer | Failure]:
        """What comes of these images."""
        images = tuple(map(str, images))
        with Query(QueryOptions(images, served[protocol], "digits", **options)) as query:
            return list(query.results())

    @pytest.mark.parametrize("batch", [1, 2, 32])
    def test_answers_are_the_networks(self, served, protocol, folder, batch):
        found = self.results(served, protocol, folder, batch=batch)
        assert [answer.file for answer in found] == [str(folder / f"{i}.png") for i in range(5)]
        for answer, expected in zip(found, PROBABILITIES, strict=True):
            assert [guess.label for guess in answer.top] == np.argsort(-expected).tolist()
            shown = [guess.probability for guess in answer.top]
            np.testing.assert_allclose(shown, np.sort(expected)[::-1], atol=1e-5)
            assert (answer.steps, answer.converged) == (None, None)

    def test_a_defended_signature_gives_steps_and_convergence(self, served, protocol, folder):
        options = {"signature": "encoded_defended", "version": 1, "top": 1}
        found = self.results(served, protocol, folder, **options)
        assert [answer.top[0].label for answer in found] == PROBABILITIES.argmax(1).tolist()
        brightness = PIXELS.sum(axis=(1, 2, 3)) / 255
        assert [answer.steps for answer in found] == brightness.astype(int).tolist()
        assert [answer.converged for answer in found] == (PIXELS[:, 0, 0, 0] > 127).tolist()
        assert {answer.converged for answer in found} == {True, False}

    def test_a_broken_image_fails_alone(self, served, protocol, folder):
        whole = (folder / "1.png").read_bytes()
        (folder / "1.png").write_bytes(whole[: len(whole) // 2])
        (folder / "3.png").write_bytes(b"no image")
        found = self.results(served, protocol, folder)
        kinds = [Answer, Failure, Answer, Failure, Answer]
        assert [type(result) for result in found] == kinds
        labels = [found[i].top[0].label for i in (0, 2, 4)]
        assert labels == PROBABILITIES[[0, 2, 4]].argmax(1).tolist()
        for i in (1, 3):
            assert found[i].sentence and "\n" not in found[i].sentence

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            ({"model": "digit"}, "--model=digit is not there"),
            ({"version": 9}, "--model=digits is not there"),
            ({"label": "stable"}, "--model=digits is not there: .* label.*stable"),
            ({"signature": "encoding"}, "--signature=encoding is unknown; did you mean encoded?"),
            ({"signature": "pixels"}, "takes pixels; .* such as encoded or encoded_defended"),
        ],
    )
    def test_what_is_not_there_is_bad_usage(self, served, protocol, options, sentence):
        options = {"images": ("a.png",), "server": served[protocol], "model": "digits", **options}
        with pytest.raises(InputError, match=sentence):
            Query(QueryOptions(**options))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("limits", [{"max_body": 2_000}, {"max_request_batch": 2}])
def test_what_is_too_much_for_one_request_is_sent_singly(model_dir, protocol, limits, tmp_path):
    noise = np.random.default_rng(3).integers(0, 256, (5, 20, 20, 3), dtype=np.uint8)
    for i, image in enumerate(noise):
        (tmp_path / f"{i}.png").write_bytes(file_bytes(image))
    with running(model_dir, grpc_port=0, **limits) as served:
        ports = {"rest": served.server.rest_port, "grpc": served.server.grpc_port}
        options = QueryOptions((str(tmp_path),), addresses(ports)[protocol], "digits", retries=0)
        with Query(options) as query:
            assert [type(result) for result in query.results()] == [Answer] * 5


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
