"""Tests of the server's REST: what it answers, and what it refuses with which sentence."""

import concurrent.futures
import gzip
import io
import socket
import struct
import time
import zlib

import numpy as np
import pytest
import requests
import tensorflow as tf
from PIL import Image

from robust_tf.serving.export import export
from tests.linear import softmax
from tests.serving.server.running import (
    IMAGES,
    SHAPE,
    WEIGHTS,
    b64,
    hand_made,
    network,
    running,
)

LIMITS = {"max_body": 200_000, "max_request_batch": 8, "batch_timeout": 0.0}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "digits"
    export(network(), folder)
    with running(folder, **LIMITS) as server:
        yield server


def file_bytes(image: np.ndarray, kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind)
    return file.getvalue()


def logits(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1) @ WEIGHTS


PIXELS = np.random.default_rng(2).integers(0, 256, (3, *SHAPE), dtype=np.uint8)
FILES = [file_bytes(image, "PNG") for image in PIXELS]
JPEG = file_bytes(np.zeros((64, 64, 3), np.uint8), "JPEG")
GOOD = {"instances": IMAGES.tolist()}


def bomb() -> bytes:
    """The header of a PNG of 100 megapixels, with next to nothing behind it."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 10_000, 10_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + header
        + struct.pack(">I", zlib.crc32(header))
    )


def test_rows_give_the_networks_numbers(served):
    answer = served.predict(**GOOD)
    assert answer.status_code == 200
    rows = answer.json()["predictions"]
    expected = logits(IMAGES)
    np.testing.assert_allclose([row["logits"] for row in rows], expected, atol=1e-5)
    np.testing.assert_allclose([row["probabilities"] for row in rows], softmax(expected), atol=1e-5)
    assert [row["classes"] for row in rows] == expected.argmax(1).tolist()


@pytest.mark.parametrize("inputs", [IMAGES.tolist(), {"images": IMAGES.tolist()}])
def test_columns_give_the_networks_numbers(served, inputs):
    answer = served.predict("/versions/1:predict", inputs=inputs)
    outputs = answer.json()["outputs"]
    assert sorted(outputs) == ["classes", "logits", "probabilities"]
    np.testing.assert_allclose(outputs["logits"], logits(IMAGES), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("pixels", PIXELS.tolist()),
        ("pixels", [{"pixels": image} for image in PIXELS.tolist()]),
        ("encoded", [b64(file) for file in FILES]),
        ("encoded", [{"image_bytes": b64(file)} for file in FILES]),
    ],
)
def test_other_signatures_take_pixels_and_files(served, name, rows):
    answer = served.predict(signature_name=name, instances=rows).json()["predictions"]
    expected = logits(PIXELS / 255)
    np.testing.assert_allclose([row["logits"] for row in answer], expected, atol=1e-5)


def deep(sides: int) -> list:
    """A list in a list in a list."""
    value = []
    for _ in range(sides - 1):
        value = [value]
    return value


def one(value) -> list:
    """An image with this value in it."""
    image = IMAGES[:1].astype(float).tolist()
    image[0][1][2][0] = value
    return image


BIG = PIXELS[:1].astype(int).tolist()
BIG[0][0][0][0] = 256


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"instances": IMAGES[:, :3].tolist()}, r"shape \(5, 3, 4, 3\); expected \(N, 4, 4, 3\)"),
        ({"inputs": deep(400)}, "has 400 sides"),
        ({"instances": [1.0]}, r"shape \(1,\)"),
        ({"instances": [[[1.0]], [[1.0, 2.0]]]}, "rows of different shapes"),
        ({"instances": one("0.5")}, "holds str; expected float32"),
        ({"instances": one(None)}, "holds NoneType"),
        ({"instances": one(True)}, "holds bool"),
        ({"instances": one(float("nan"))}, r"holds nan at \[0, 1, 2, 0\]; expected finite"),
        ({"instances": one(1e300)}, "holds inf at"),
        ({"instances": one(10**400)}, "holds infinity"),
        ({"instances": one(1.5)}, r"holds 1.5 at .*; expected values within \[0, 1\]"),
        ({"instances": one(-0.25)}, "holds -0.25"),
        ({"instances": []}, "no rows"),
        ({"inputs": []}, r"shape \(0,\)"),
        ({"inputs": {"images": []}}, r"shape \(0,\)"),
        ({"instances": IMAGES[:1].tolist() * 9}, "9 rows; expected at most 8"),
        ({"inputs": {"image": [1.0]}}, "The inputs are image; expected images"),
        ({"instances": [{"images": 1}, {"pixels": 1}]}, "name different inputs"),
        ({"instances": [1], "inputs": [1]}, 'either "instances" or "inputs"'),
        ({}, 'either "instances" or "inputs"'),
        ({"instances": [1], "signature_name": 3}, "is no text"),
        ({**GOOD, "signature_name": "pixel"}, "did you mean pixels"),
        ({"instances": BIG, "signature_name": "pixels"}, "expected 0 to 255"),
        ({"instances": IMAGES.tolist(), "signature_name": "pixels"}, "holds float; expected uint8"),
        (
            {"instances": [b64(JPEG[:-300])], "signature_name": "encoded"},
            "row 0, cannot be decoded",
        ),
        ({"instances": [b64(FILES[0][:40])], "signature_name": "encoded"}, "cannot be decoded"),
        ({"instances": [b64(b"")], "signature_name": "encoded"}, "cannot be decoded"),
        ({"instances": [b64(b"GIF89a")], "signature_name": "encoded"}, "a whole JPEG or PNG"),
        ({"instances": [b64(bomb())], "signature_name": "encoded"}, "10000 x 10000 pixels"),
        ({"instances": [{"b64": "?"}], "signature_name": "encoded"}, "is not base64"),
        ({"instances": ["abcd"], "signature_name": "encoded"}, "holds str; expected"),
    ],
)
def test_what_is_wrong_gets_its_sentence_and_the_next_is_answered(served, body, sentence):
    answer = served.predict(**body)
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
    with pytest.raises(ValueError, match=sentence):
        raise ValueError(answer.json()["error"])
    assert served.predict(**GOOD).status_code == 200


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b"\xff", b"", b'{"instances": [1e]}'])
def test_a_body_that_is_no_json_is_refused(served, body):
    answer = requests.post(served.url + ":predict", data=body, timeout=60)
    assert answer.status_code == 400
    assert "not valid JSON" in answer.json()["error"]


def test_what_http_cannot_read_is_refused_and_nothing_reaches_the_log(served, caplog):
    headers = {"Content-Encoding": "gzip"}
    answer = requests.post(served.url + ":predict", data=b"{}", headers=headers, timeout=60)
    assert answer.status_code == 400
    assert "The body cannot be read" in answer.json()["error"]
    # Or the client would send its next request on a connection that is about to go.
    assert answer.headers["Connection"] == "close"
    assert "Connection" not in served.predict(**GOOD).headers
    with socket.create_connection(("127.0.0.1", served.server.rest_port)) as connection:
        connection.sendall(b"this is no request\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.0 400")
    line = 'robust_tf_requests_total{outcome="invalid",protocol="rest",signature="unknown"}'
    before = served.metric(line)
    with socket.create_connection(("127.0.0.1", served.server.rest_port)) as connection:
        head = b"POST /v1/models/digits:predict HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n{"
        connection.sendall(head)
    for _ in range(100):
        if served.metric(line) == before + 1:
            break
        time.sleep(0.05)
    assert served.metric(line) == before + 1
    assert served.predict(**GOOD).status_code == 200
    assert not caplog.records


def test_a_small_body_that_unpacks_to_a_large_one_is_refused(served):
    headers = {"Content-Encoding": "gzip"}
    packed = gzip.compress(b" " * 2**24)
    answer = requests.post(served.url + ":predict", data=packed, headers=headers, timeout=60)
    assert answer.status_code == 413


def test_a_body_that_is_too_large_is_refused(served):
    line = 'robust_tf_requests_total{outcome="too_large",protocol="rest",signature="unknown"}'
    before = served.metric(line)
    answer = requests.post(served.url + ":predict", data=b" " * 200_001, timeout=60)
    assert answer.status_code == 413
    assert answer.json() == {"error": "The body is too large; expected at most 200000 bytes."}
    assert served.metric(line) == before + 1
    assert served.predict(**GOOD).status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("/v1/models/digit:predict", 404, "The model digit is not served; expected digits."),
        ("/v1/models/digits/versions/7:predict", 404, "Version 7 of the model digits is not"),
        ("/v1/models/digits/versions/one:predict", 400, "The version one is no number"),
        ("/v1/models/digits/labels/stable:predict", 400, "The label stable cannot be served"),
        ("/v1/models/digits:classify", 404, "POST /v1/models/digits:classify is not understood"),
        ("/health", 405, "POST /health is not understood"),
    ],
)
def test_what_is_not_there_is_refused(served, path, status, sentence):
    answer = requests.post(served.root + path, json=GOOD, timeout=60)
    assert answer.status_code == status
    assert answer.json()["error"].startswith(sentence)


def test_status_and_metadata_are_those_of_tensorflow_serving(served):
    state = {"version": "1", "state": "AVAILABLE"}
    state["status"] = {"error_code": "OK", "error_message": ""}
    assert requests.get(served.url, timeout=60).json() == {"model_version_status": [state]}
    assert requests.get(served.url + "/versions/2", timeout=60).status_code == 404
    found = requests.get(served.url + "/metadata", timeout=60).json()
    assert found["model_spec"] == {"name": "digits", "signature_name": "", "version": "1"}
    signatures = found["metadata"]["signature_def"]["signature_def"]
    images = signatures["serving_default"]["inputs"]["images"]
    assert images["dtype"] == "DT_FLOAT"
    assert [side["size"] for side in images["tensor_shape"]["dim"]] == ["-1", "4", "4", "3"]
    assert requests.get(served.root + "/health", timeout=60).json() == {"status": "SERVING"}


def test_requests_are_counted_by_what_came_of_them(served):
    names = ("ok", "serving_default"), ("invalid", "pixels"), ("not_found", "unknown")
    lines = [
        f'robust_tf_requests_total{{outcome="{outcome}",protocol="rest",signature="{name}"}}'
        for outcome, name in names
    ]
    before = [served.metric(line) for line in lines]
    served.predict(**GOOD)
    served.predict(instances=BIG, signature_name="pixels")
    served.predict("/versions/9:predict", **GOOD)
    served.predict("/versions/9:predict", **GOOD)
    after = [served.metric(line) for line in lines]
    assert np.subtract(after, before).tolist() == [1, 1, 2]
    count = 'robust_tf_latency_seconds_count{protocol="rest",signature="serving_default"}'
    assert served.metric(count) >= 1
    assert served.metric('robust_tf_model_version{model="digits"}') == 1
    assert served.metric("robust_tf_queued_images") == 0


def test_one_bad_image_fails_nobody_elses(served):
    def ask(row):
        return served.predict(signature_name="encoded", instances=[b64(row)])

    rows = [FILES[0], JPEG[:-300], FILES[1], b"", FILES[2]] * 4
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, rows))
    assert [answer.status_code for answer in answers] == [200, 400, 200, 400, 200] * 4
    expected = logits(PIXELS / 255)
    for i, answer in enumerate(answers):
        if i % 5 in (0, 2, 4):
            row = answer.json()["predictions"][0]["logits"]
            np.testing.assert_allclose(row, expected[i % 5 // 2], atol=1e-5)


@tf.function(
    input_signature=[
        tf.TensorSpec([None, 1], tf.float32, "images"),
        tf.TensorSpec([], tf.int32, "seed"),
    ]
)
def seeded(images, seed):
    return {"sum": images + tf.cast(seed, tf.float32)}


@tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
def spoken(text):
    return {"twice": tf.strings.join([text, text]), "twice_bytes": tf.strings.join([text, text])}


@tf.function(input_signature=[tf.TensorSpec([None, 1], tf.float32, "x")])
def alone(x):
    return {"y": x * 2}


def test_scalars_text_and_single_outputs(tmp_path):
    hand_made(tmp_path / "hand" / "3", seeded=seeded, spoken=spoken, alone=alone)
    with running(tmp_path / "hand" / "3") as served:
        column = {"images": [[0.5], [0.25]], "seed": 2}
        answer = served.predict(signature_name="seeded", inputs=column).json()
        assert answer == {"outputs": [[2.5], [2.25]]}
        answer = served.predict(signature_name="seeded", instances=[{"images": [0.5], "seed": 2}])
        assert answer.status_code == 400 and "seed" in answer.json()["error"]
        row = {"twice": "ää", "twice_bytes": b64("ää".encode())}
        answer = served.predict("/versions/3:predict", signature_name="spoken", instances=["ä"])
        assert answer.json() == {"predictions": [row]}
        answer = served.predict(signature_name="alone", instances=[[-1.0], [3.0]])
        assert answer.json() == {"predictions": [[-2.0], [6.0]]}
        answer = served.predict(instances=[[1.0]])
        assert answer.status_code == 400 and "serving_default is unknown" in answer.json()["error"]


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
