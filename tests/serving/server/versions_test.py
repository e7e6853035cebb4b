"""Tests of robust_tf.serving.server.versions: newer versions, broken ones, and load meanwhile."""

import gc
import os
import shutil
import threading
import time
import weakref

import pytest
import requests
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from robust_tf.errors import InputError
from robust_tf.serving.server import versions
from tests.serving.server.running import hand_made, running

SPEC = tf.TensorSpec([None, 1], tf.float32, "x")


def adding(number: int, pause: float = 0.0):
    """A signature that adds a number, and takes its time."""

    @tf.function(input_signature=[SPEC], autograph=False)
    def add(x):
        start = tf.timestamp()
        now = tf.while_loop(
            lambda now: now < start + pause, lambda now: tf.timestamp(), [tf.timestamp()]
        )[0]
        with tf.control_dependencies([now]):
            return {"y": x + number}

    return add


def publish(folder, number: int, adds: int | None = None, **others):
    """Version NUMBER of a model that adds its number, or another, in the folder all at once."""
    unfinished = folder / f"unfinished-{number}"
    hand_made(unfinished, serving_default=adding(number if adds is None else adds), **others)
    return unfinished.rename(folder / str(number))


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "adder"
    folder.mkdir()
    return folder


def until(served, version: int) -> None:
    """Waits until this version is served."""
    for _ in range(600):
        if served.metric('robust_tf_model_version{model="adder"}') == version:
            return
        time.sleep(0.05)
    raise TimeoutError(version)


def test_a_newer_version_takes_over_under_load_and_nothing_is_lost(folder):
    publish(folder, 1)
    answers, done = [], threading.Event()

    def ask():
        with requests.Session() as session:
            while not done.is_set():
                body = {"instances": [[0.0], [1.0]]}
                answer = session.post(served.url + ":predict", json=body, timeout=60)
                answers.append((answer.status_code, answer.json().get("predictions")))

    with running(folder, poll_seconds=0.1) as served:
        clients = [threading.Thread(target=ask) for _ in range(4)]
        for client in clients:
            client.start()
        publish(folder, 2)
        until(served, 2)
        publish(folder, 10)
        until(served, 10)
        done.set()
        for client in clients:
            client.join()
        assert {status for status, _ in answers} == {200}
        seen = [rows for _, rows in answers]
        assert all(rows in ([[1.0], [2.0]], [[2.0], [3.0]], [[10.0], [11.0]]) for rows in seen)
        assert [[1.0], [2.0]] in seen
        assert served.predict(instances=[[0.0]]).json() == {"predictions": [[10.0]]}
        assert served.predict("/versions/1:predict", instances=[[0.0]]).status_code == 404


def test_a_broken_version_is_passed_over_and_reported_once(folder, caplog):
    publish(folder, 1)
    with running(folder, poll_seconds=60) as served:
        (folder / "5").mkdir()
        (folder / "5" / "saved_model.pb").write_bytes(b"nonsense")
        # Still being written: it has no saved_model.pb yet.
        (folder / "6").mkdir()
        for _ in range(3):
            served.wait(served.server._desk.versions.refresh())
        assert len([r for r in caplog.records if "Version 5 cannot be loaded" in r.message]) == 1
        assert served.predict(instances=[[0.0]]).json() == {"predictions": [[1.0]]}
        states = requests.get(served.url, timeout=60).json()["model_version_status"]
        assert [(each["version"], each["state"]) for each in states] == [
            ("5", "END"),
            ("1", "AVAILABLE"),
        ]
        assert "cannot be loaded" in states[0]["status"]["error_message"]
        # Behind a broken one, a newer one than the served is still found.
        publish(folder, 3)
        served.wait(served.server._desk.versions.refresh())
        assert served.predict(instances=[[0.0]]).json() == {"predictions": [[3.0]]}
        # The broken one is tried again once its files have changed.
        shutil.rmtree(folder / "5")
        publish(folder, 5)
        served.wait(served.server._desk.versions.refresh())
        assert served.predict(instances=[[0.0]]).json() == {"predictions": [[5.0]]}


@tf.function(input_signature=[SPEC])
def failing(x):
    with tf.control_dependencies([tf.debugging.assert_positive(x)]):
        return {"y": tf.identity(x)}


def test_a_version_that_fails_its_warm_up_is_passed_over(folder, caplog):
    publish(folder, 1)
    publish(folder, 2, failing=failing)
    with running(folder) as served:
        assert "Version 2 cannot be loaded" in caplog.text
        assert served.predict(instances=[[0.0]]).json() == {"predictions": [[1.0]]}


def test_recorded_requests_warm_up_instead_of_zeros(folder, caplog):
    for number, value in ((1, 1.0), (2, -1.0)):
        log = prediction_log_pb2.PredictionLog()
        request = log.predict_log.request
        request.model_spec.signature_name = "failing"
        request.inputs["x"].CopyFrom(tf.make_tensor_proto([[value]]))
        version = publish(folder, number, failing=failing)
        (version / "assets.extra").mkdir()
        with tf.io.TFRecordWriter(
            str(version / "assets.extra" / "tf_serving_warmup_requests")
        ) as writer:
            writer.write(log.SerializeToString())
    with running(folder) as served:
        # Version 1 runs on what was recorded, though zeros would fail; version 2 does not.
        assert "Version 2 cannot be loaded" in caplog.text
        assert served.predict(instances=[[0.0]]).json() == {"predictions": [[1.0]]}


def test_a_replaced_version_answers_what_it_has_begun_and_goes(folder):
    publish(folder, 1, slow=adding(100, 2.0))
    with running(folder, poll_seconds=60) as served:
        answers = []

        def ask():
            answers.append(served.predict(signature_name="slow", instances=[[0.0]]).json())

        client = threading.Thread(target=ask)
        client.start()
        while not served.server._desk.metrics.running:
            time.sleep(0.01)
        publish(folder, 2)
        shutil.rmtree(folder / "1")
        served.wait(served.server._desk.versions.refresh())
        answer = served.predict(instances=[[0.0]])
        assert answer.json() == {"predictions": [[2.0]]}
        assert not answers
        old = served.predict("/versions/1:predict", instances=[[0.0]])
        assert old.json() == {"predictions": [[1.0]]}
        states = requests.get(served.url, timeout=60).json()["model_version_status"]
        assert [each["state"] for each in states] == ["AVAILABLE", "UNLOADING"]
        client.join()
        assert answers == [{"predictions": [[100.0]]}]
        old = served.predict("/versions/1:predict", instances=[[0.0]])
        assert old.status_code == 404


def test_a_replaced_version_leaves_the_memory(folder):
    publish(folder, 1)
    with running(folder, poll_seconds=60) as served:
        versions = served.server._desk.versions
        model = weakref.ref(versions._loaded[0].model)
        served.predict(instances=[[0.0]])
        publish(folder, 2)
        served.wait(versions.refresh())
        served.predict(instances=[[0.0]])
        for _ in range(20):
            gc.collect()
            if model() is None:
                return
            time.sleep(0.1)
        raise AssertionError(gc.get_referrers(model()))


def test_a_number_that_was_deleted_and_comes_again_is_another_version(folder):
    publish(folder, 1)
    publish(folder, 2)
    with running(folder, poll_seconds=60) as served:

        def answer() -> float:
            served.wait(served.server._desk.versions.refresh())
            return served.predict(instances=[[0.0]]).json()["predictions"][0][0]

        assert answer() == 2
        shutil.rmtree(folder / "2")
        assert answer() == 1
        publish(folder, 2, adds=20)
        assert answer() == 20
        # Gone and back between two looks.
        shutil.rmtree(folder / "2")
        publish(folder, 2, adds=200)
        assert answer() == 200
        # Spoilt, it is served as it was loaded, and no lower version instead.
        (folder / "2" / "saved_model.pb").write_bytes(b"nonsense")
        assert answer() == 200


def test_a_version_that_failed_is_tried_again_after_a_while_and_reported_once(
    folder, caplog, monkeypatch
):
    publish(folder, 1)
    file = publish(folder, 2) / "saved_model.pb"
    whole, state = file.read_bytes(), file.stat()

    def write(content: bytes) -> None:
        file.write_bytes(content)
        os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))

    write(b"?" * len(whole))
    with running(folder, poll_seconds=60) as served:
        refresh = served.server._desk.versions.refresh
        write(whole)
        served.wait(refresh())
        assert served.predict(instances=[[0.0]]).json() == {"predictions": [[1.0]]}
        write(b"?" * len(whole))
        monkeypatch.setattr(versions, "_RETRY_SECONDS", 0.0)
        served.wait(refresh())
        assert len([r for r in caplog.records if "cannot be loaded" in r.message]) == 1
        write(whole)
        served.wait(refresh())
        assert served.predict(instances=[[0.0]]).json() == {"predictions": [[2.0]]}


def test_a_served_version_stays_when_its_folder_goes(folder):
    publish(folder, 1)
    with running(folder, poll_seconds=0.05) as served:
        shutil.rmtree(folder)
        time.sleep(0.3)
        assert served.predict(instances=[[0.0]]).json() == {"predictions": [[1.0]]}


def test_a_folder_without_a_version_that_loads_is_refused(folder):
    with pytest.raises(InputError, match="adder holds no SavedModel; expected one"):
        with running(folder):
            pass
    (folder / "1").mkdir()
    (folder / "1" / "saved_model.pb").write_bytes(b"nonsense")
    with pytest.raises(InputError, match="adder holds no version that can be loaded"):
        with running(folder):
            pass


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
