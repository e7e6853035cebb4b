"""The way of a predict request, the same whatever protocol brought it."""

from collections.abc import Callable
from typing import Any

from robust_tf.serving.server.inputs import check_batch, count_pixels
from robust_tf.serving.server.metrics import Metrics, Request
from robust_tf.serving.server.model import Arrays, Signature
from robust_tf.serving.server.options import ServeOptions
from robust_tf.serving.server.room import Room
from robust_tf.serving.server.versions import Versions
from robust_tf.serving.server.worker import Worker

# One core decodes and checks while another may: more would take cores from the model.
_CLERKS = 2
# The requests of the largest size that are held at a time, from their first byte to the answer.
_LARGEST = 16

Choose = Callable[[str], Signature]
Read = Callable[[Choose, ServeOptions], tuple[Signature, Arrays]]


class Desk:
    """Checks what comes, has it answered, and hands back what was asked for.

    Args:
      options: the limits.

    Attributes:
      options: the same.
      metrics: what is counted.
      versions: the model.
      bodies: room for the bytes of requests.
      clerks: threads for what would hold up the event loop.
      stopping: whether the server ends.
    """

    def __init__(self, options: ServeOptions):
        self.options = options
        self.metrics = Metrics()
        shown = self.metrics.bodies.set, self.metrics.queued.set
        self.bodies = Room(_LARGEST * options.max_body, "bytes of requests are held", shown[0])
        queue = Room(options.max_queued, "images wait for the model", shown[1])
        self.versions = Versions(options, queue, self.metrics)
        self.clerks = Worker("clerk", _CLERKS)
        self.stopping = False

    async def answer(
        self,
        seen: Request,
        model: tuple[str, int | None],
        read: Read,
        write: Callable[[Arrays, int, str], Any],
    ) -> Any:
        """What `write` makes of the outputs for the inputs that `read` finds in a request.

        Args:
          seen: the request in the metrics.
          model: its name and version (None: the newest).
          read: is given the choice of a signature by name (empty: the default), and gives the
            chosen one with its checked inputs; runs on another thread.
          write: takes outputs, version and signature; runs on another thread.
        """
        with self.versions.use(*model) as version:

            def choose(name: str) -> Signature:
                signature = version.model.signature(name)
                seen.signature = signature.name
                return signature

            # In one go: what is parsed but not yet checked may be many times as large as it came,
            # so that there is no more of it than clerks.
            signature, *inputs = await self.clerks.run(_checked, read, choose, self.options)
            outputs = await version.batchers[signature.name].run(*inputs)
            return await self.clerks.run(write, outputs, version.model.number, signature.name)

    def close(self) -> None:
        """Ends all threads."""
        self.clerks.stop()
        self.versions.close()


def _checked(
    read: Read, choose: Choose, options: ServeOptions
) -> tuple[Signature, Arrays, int, int]:
    """A request's signature and inputs, the number of their rows and of pixels to be decoded."""
    signature, arrays = read(choose, options)
    return signature, arrays, check_batch(arrays, signature), count_pixels(arrays, signature)
