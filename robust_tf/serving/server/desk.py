"""The way of a predict request, the same whatever protocol brought it."""

from collections.abc import Callable
from typing import Any

from robust_tf.serving.server.batching import WaitingRoom
from robust_tf.serving.server.inputs import check_batch
from robust_tf.serving.server.metrics import Metrics, Request
from robust_tf.serving.server.model import Arrays, Signature
from robust_tf.serving.server.options import ServeOptions
from robust_tf.serving.server.versions import Versions
from robust_tf.serving.server.worker import Worker

# One core decodes and checks while another may: more would take cores from the model.
_CLERKS = 2


class Desk:
    """Checks what comes, has it answered, and hands back what was asked for.

    Args:
      options: the limits.

    Attributes:
      options: the same.
      metrics: what is counted.
      versions: the model.
      clerks: threads for what would hold up the event loop.
      stopping: whether the server ends.
    """

    def __init__(self, options: ServeOptions):
        self.options = options
        self.metrics = Metrics()
        self.versions = Versions(
            options, WaitingRoom(options.max_queued, self.metrics), self.metrics
        )
        self.clerks = Worker("clerk", _CLERKS)
        self.stopping = False

    async def answer(
        self,
        seen: Request,
        model: tuple[str, int | None, str],
        read: Callable[[Signature, ServeOptions], Arrays],
        write: Callable[[Arrays, int, str], Any],
    ) -> Any:
        """What `write` makes of the outputs for the inputs that `read` finds in a request.

        Args:
          seen: the request in the metrics.
          model: its name, version (None: the newest) and signature (empty: the default).
          read: gives checked inputs; runs on another thread.
          write: takes outputs, version and signature; runs on another thread.
        """
        name, number, signature_name = model
        with self.versions.use(name, number) as version:
            signature = version.model.signature(signature_name)
            seen.signature = signature.name
            arrays = await self.clerks.run(read, signature, self.options)
            images = check_batch(arrays, signature)
            outputs = await version.batchers[signature.name].run(arrays, images)
            return await self.clerks.run(write, outputs, version.model.number, signature.name)

    def close(self) -> None:
        """Ends all threads."""
        self.clerks.stop()
        self.versions.close()
