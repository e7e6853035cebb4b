"""What the server counts, in Prometheus' text format."""

import contextlib
import time
from collections.abc import Iterator

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from robust_tf.serving.server.failures import describe

CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)


class Request:
    """A request while it runs; its signature is filled in once the model is known to have it."""

    signature = "unknown"


class Metrics:
    """The counters of one server.

    Attributes:
      running: the number of predict requests that are being answered.
    """

    def __init__(self):
        self.running = 0
        self._registry = CollectorRegistry()
        shared = {"namespace": "robust_tf", "registry": self._registry}
        labels = ("protocol", "signature")
        self._requests = Counter("requests", "Predict requests.", (*labels, "outcome"), **shared)
        self._latency = Histogram(
            "latency_seconds", "From request to answer.", labels, buckets=_SECONDS, **shared
        )
        self.batch_size = Histogram(
            "batch_size", "Images in a call of the model.", ("signature",), buckets=_SIZES, **shared
        )
        self.queued = Gauge("queued_images", "Images that wait for the model.", **shared)
        self.bodies = Gauge("request_bytes", "Bytes of requests that are held.", **shared)
        self.version = Gauge("model_version", "The version that is served.", ("model",), **shared)

    @contextlib.contextmanager
    def request(self, protocol: str) -> Iterator[Request]:
        """Times a predict request and counts how it ends."""
        seen, outcome, started = Request(), "ok", time.perf_counter()
        self.running += 1
        try:
            yield seen
        except BaseException as error:
            outcome = describe(error).outcome
            raise
        finally:
            self.running -= 1
            self._requests.labels(protocol, seen.signature, outcome).inc()
            seconds = time.perf_counter() - started
            self._latency.labels(protocol, seen.signature).observe(seconds)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return prometheus_client.generate_latest(self._registry)
