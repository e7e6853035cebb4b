"""A version of a model while it is loaded."""

import pathlib

from robust_tf.serving.server.batching import Batcher
from robust_tf.serving.server.metrics import Metrics
from robust_tf.serving.server.model import Model
from robust_tf.serving.server.options import ServeOptions
from robust_tf.serving.server.room import Room
from robust_tf.serving.server.warmup import warm_up


def load(path: pathlib.Path, number: int) -> Model:
    """A SavedModel that has answered its warm-up."""
    model = Model(path, number)
    warm_up(model)
    return model


class Version:
    """A loaded version and the requests that run on it.

    Args:
      model: the SavedModel.
      state: of its files, as they were before it was loaded.
      options: the limits.
      room: where images wait.
      metrics: where calls are counted.

    Attributes:
      model: the same.
      identity: its number and state.
      batchers: by signature.
      users: the requests that keep it loaded.
    """

    def __init__(
        self, model: Model, state: tuple, options: ServeOptions, room: Room, metrics: Metrics
    ):
        self.model = model
        self.identity = (model.number, state)
        self.batchers = {
            name: Batcher(signature, options, room, metrics)
            for name, signature in model.signatures.items()
        }
        self.users = 0

    def close(self) -> None:
        """Ends its threads."""
        for batcher in self.batchers.values():
            batcher.close()
