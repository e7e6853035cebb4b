"""Clients that ask a server without a pause, each as soon as it has its answer.

with Load([rest_client(url, "serving_default", images)] * 16) as load:
    time.sleep(5)
print(len(load.seconds), load.failures)
"""

import collections
import threading
import time
from collections.abc import Callable, Sequence

import grpc
import numpy as np
import requests
from tensorflow_serving.apis import predict_pb2

from server_trials.messages import SERVICE, as_rest, as_rpc

_SECONDS = 300

# Asks once, and gives the version that answered, as far as the protocol says it.
Ask = Callable[[], str]

# What gRPC says where nobody listens any more, and what a server says that is stopping.
UNBEGUN = ("Connection refused", "The server is stopping")


class Refused(Exception):
    """Nobody took the request, and the client was told so: nothing was lost."""


def rest_client(url: str, signature: str, images: np.ndarray) -> Ask:
    """A client of REST with a connection of its own.

    Args:
      url: the model's.
      signature: what is asked.
      images: of each request.
    """
    session = requests.Session()
    body = as_rest(signature, "images", images).body

    def ask() -> str:
        try:
            answer = session.post(url + ":predict", data=body, timeout=_SECONDS)
        except requests.ConnectionError as error:
            if UNBEGUN[0] in str(error):
                raise Refused from error
            raise
        if answer.status_code != 200 or len(answer.json()["predictions"]) != len(images):
            raise RuntimeError(f"{answer.status_code} {answer.text[:200]}")
        return ""

    return ask


def grpc_client(address: str, model: str, signature: str, images: np.ndarray) -> Ask:
    """A client of gRPC with a connection of its own.

    Args:
      address: the server's.
      model: its name.
      signature: what is asked.
      images: of each request.
    """
    own = [("grpc.use_local_subchannel_pool", 1)]
    predict = grpc.insecure_channel(address, own).unary_unary(SERVICE + "Predict")
    message = as_rpc(model, signature, "images", images).message

    def ask() -> str:
        try:
            content = predict(message, timeout=_SECONDS)
        except grpc.RpcError as error:
            if any(words in (error.details() or "") for words in UNBEGUN):
                raise Refused from error
            raise
        response = predict_pb2.PredictResponse.FromString(content)
        if response.outputs["logits"].tensor_shape.dim[0].size != len(images):
            raise RuntimeError("logits of another number of images")
        return str(response.model_spec.version.value)

    return ask


class Load:
    """Clients at work, from `with` to its end, or until nobody takes requests any more.

    Args:
      asks: what each client does.

    Attributes:
      seconds: of each request that was answered.
      answered: how many requests, by version.
      failures: what became of those that were not answered, though somebody took them.
      refused: clients that ended because nobody did.
      took: seconds of all together.
    """

    def __init__(self, asks: Sequence[Ask]):
        self.seconds: list[float] = []
        self.answered: collections.Counter[str] = collections.Counter()
        self.failures: list[str] = []
        self.refused = 0
        self.took = 0.0
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._work, args=(ask,)) for ask in asks]

    def __enter__(self):
        self._begun = time.perf_counter()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self.join()

    def join(self) -> None:
        """Waits until all clients have ended."""
        for thread in self._threads:
            thread.join()
        self.took = time.perf_counter() - self._begun

    def _work(self, ask: Ask) -> None:
        while not self._stop.is_set():
            begun = time.perf_counter()
            try:
                version = ask()
            except Refused:
                with self._lock:
                    self.refused += 1
                return
            except Exception as error:
                self.failures.append(f"{type(error).__name__}: {error}")
                continue
            with self._lock:
                self.seconds.append(time.perf_counter() - begun)
                self.answered[version] += 1
