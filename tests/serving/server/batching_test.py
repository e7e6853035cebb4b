"""Tests of robust_tf.serving.server.batching, through a model that says how large its call was."""

import asyncio
import concurrent.futures

import numpy as np
import pytest
import tensorflow as tf

from robust_tf.serving.server import ServeOptions
from robust_tf.serving.server.batching import Batcher
from robust_tf.serving.server.metrics import Metrics
from robust_tf.serving.server.model import Model
from robust_tf.serving.server.room import Room
from tests.serving.server.running import counting, hand_made, running


@tf.function(input_signature=[tf.TensorSpec([None, 1], tf.float32, "x")])
def brittle(x):
    with tf.control_dependencies([tf.debugging.assert_less(x, 5.0, message="secret detail")]):
        return {"y": x + 1}


@tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, "x")])
def wide(x):
    size = tf.shape(x)[0]
    return {"sum": tf.reduce_sum(x, 1), "batch": tf.fill([size], size)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    functions = {"serving_default": counting(), "slow": counting(0.5)}
    functions |= {"brittle": brittle, "wide": wide}
    return hand_made(tmp_path_factory.mktemp("models") / "count" / "1", **functions).parent


def together(ask, values):
    with concurrent.futures.ThreadPoolExecutor(len(values)) as pool:
        return list(pool.map(ask, values))


def test_requests_are_joined_and_each_gets_its_own_rows(folder):
    with running(folder, max_batch=12, batch_timeout=20_000) as served:

        def ask(count):
            images = np.full((count, 2), count / 8, np.float32)
            return served.predict(instances=images.tolist()).json()["predictions"]

        # The timeout is longer than the test: the call starts because 12 images are there.
        answers = together(ask, [1, 2, 4, 5])
        for count, rows in zip([1, 2, 4, 5], answers, strict=True):
            assert rows == [{"batch": 12, "same": [count / 8, count / 8]}] * count
        line = 'robust_tf_batch_size_bucket{le="8.0",signature="serving_default"}'
        assert served.metric(line) == 0
        line = 'robust_tf_batch_size_sum{signature="serving_default"}'
        assert served.metric(line) == 12


def test_a_request_waits_no_longer_than_the_timeout_and_is_never_cut(folder):
    with running(folder, max_batch=2, batch_timeout=1.0) as served:
        rows = served.predict(instances=[[0.5, 0.5]]).json()["predictions"]
        assert rows == [{"batch": 1, "same": [0.5, 0.5]}]
        rows = served.predict(instances=[[0.5, 0.5]] * 5).json()["predictions"]
        assert [row["batch"] for row in rows] == [5] * 5


def test_only_rows_of_one_shape_are_joined(folder):
    with running(folder, max_batch=2, batch_timeout=2000) as served:

        def ask(row):
            return served.predict(signature_name="wide", instances=[row]).json()["predictions"][0]

        answers = together(ask, [[1.0], [1.0, 2.0], [3.0], [3.0, 4.0]])
        assert [answer["sum"] for answer in answers] == [1, 3, 3, 7]
        assert [answer["batch"] for answer in answers] == [2, 2, 2, 2]


def test_images_beyond_the_room_are_refused_and_the_others_answered(folder):
    with running(folder, max_batch=1, batch_timeout=0, max_queued=2) as served:
        answers = together(
            lambda _: served.predict(signature_name="slow", instances=[[0.5, 0.5]]), range(8)
        )
        statuses = [answer.status_code for answer in answers]
        assert set(statuses) == {200, 503}
        refused = next(answer for answer in answers if answer.status_code == 503)
        assert refused.json() == {"error": "2 images wait for the model; expected at most 2."}
        assert served.predict(instances=[[0.5, 0.5]]).status_code == 200


def test_what_was_cancelled_leaves_the_room_when_its_version_goes(folder):
    slow = Model(folder / "1", 1).signatures["slow"]
    waiting = []

    async def cancel_and_close():
        room = Room(8, "images wait", waiting.append)
        batcher = Batcher(slow, ServeOptions(folder, max_batch=1), room, Metrics())
        images = np.full((3, 2), 0.5, np.float32)
        calls = [asyncio.create_task(batcher.run({"images": images[:n]}, n, 0)) for n in (1, 2, 3)]
        # The first is with the model, the others wait for it.
        while waiting[-1:] != [5]:
            await asyncio.sleep(0.01)
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        batcher.close()

    asyncio.run(cancel_and_close())
    assert waiting[-1] == 0


def test_a_model_that_fails_tells_one_sentence(folder, caplog):
    with running(folder) as served:
        answer = served.predict(signature_name="brittle", instances=[[7.0]])
        assert answer.status_code == 500
        sentence = "The model's signature brittle failed; the server's log says why."
        assert answer.json() == {"error": sentence}
        assert len(caplog.records) == 1
        assert "\n" not in caplog.text.strip()
        answer = served.predict(signature_name="brittle", instances=[[2.0]])
        assert answer.json() == {"predictions": [[3.0]]}


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
