"""What the tests of the server share: servers in a thread, and models made by hand."""

import asyncio
import base64
import contextlib
import json
import pathlib
import threading
from collections.abc import Iterator

import numpy as np
import requests
import tensorflow as tf

from robust_tf.serving.server.options import ServeOptions
from robust_tf.serving.server.server import Server
from tests.linear import linear_network

SHAPE = (4, 4, 3)
WEIGHTS = np.random.default_rng(0).normal(size=(48, 3))
IMAGES = np.random.default_rng(1).uniform(size=(5, *SHAPE)).astype(np.float32)


def network():
    """The network that the tests serve."""
    return linear_network(WEIGHTS, shape=SHAPE)


def b64(content: bytes) -> dict:
    """A file as REST takes it."""
    return {"b64": base64.b64encode(content).decode()}


class Running:
    """A server in a thread with a loop of its own.

    Attributes:
      server: what runs.
      url: of its model.
      root: of its REST.
    """

    def __init__(self, server: Server, name: str, loop: asyncio.AbstractEventLoop):
        self.server = server
        self.loop = loop
        self.root = f"http://127.0.0.1:{server.rest_port}"
        self.url = f"{self.root}/v1/models/{name}"

    def predict(self, verb: str = ":predict", **body) -> requests.Response:
        """The answer to a predict request."""
        # requests itself refuses to send NaN.
        return requests.post(self.url + verb, data=json.dumps(body), timeout=60)

    def wait(self, coroutine):
        """What a coroutine returns on the server's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    def metric(self, line: str) -> float:
        """The value of a line of /metrics."""
        for each in requests.get(self.root + "/metrics", timeout=60).text.splitlines():
            if each.startswith(line + " "):
                return float(each.split()[-1])
        return 0.0


@contextlib.contextmanager
def running(model_dir: pathlib.Path, **options) -> Iterator[Running]:
    """A server of this folder on free ports, ended at the end."""
    options = {"rest_port": 0, "grpc_port": None, "grace_seconds": 10.0, **options}
    options = ServeOptions(model_dir, **options)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def make() -> Server:
        return Server(options)

    def wait(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(120)

    server = wait(make())
    try:
        wait(server.start())
        try:
            yield Running(server, options.model, loop)
        finally:
            wait(server.stop())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def hand_made(folder: pathlib.Path, **functions) -> pathlib.Path:
    """A SavedModel with these tf.functions as its signatures."""
    module = tf.Module()
    module.functions = functions
    tf.saved_model.save(module, str(folder), signatures=functions)
    return folder


def counting(pause: float = 0.0):
    """A signature that gives back its images, and how many were in the call."""

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, "images")], autograph=False)
    def count(images):
        size = tf.shape(images)[0]
        # Work that takes as long as the pause, for the queue to fill; never optimized away.
        start = tf.timestamp()
        with tf.control_dependencies([images]):
            end = tf.while_loop(
                lambda now: now < start + pause, lambda now: tf.timestamp(), [tf.timestamp()]
            )[0]
        with tf.control_dependencies([end]):
            return {"same": tf.identity(images), "batch": tf.fill([size], size)}

    return count
