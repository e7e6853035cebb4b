"""Which versions are served: the newest that works, and older ones until their requests are done.

As TensorFlow Serving's default policy: a newer version is loaded beside the one that is served,
takes over once it has answered a warm-up call, and the older one goes.
"""

import asyncio
import contextlib
import logging
import pathlib
from collections.abc import Iterator

from robust_tf.errors import InputError
from robust_tf.serving import folders
from robust_tf.serving.server.batching import Batcher
from robust_tf.serving.server.failures import NotFound
from robust_tf.serving.server.metrics import Metrics
from robust_tf.serving.server.model import Model
from robust_tf.serving.server.options import ServeOptions
from robust_tf.serving.server.room import Room
from robust_tf.serving.server.warmup import warm_up
from robust_tf.serving.server.worker import Worker

_log = logging.getLogger(__name__)


class Version:
    """A loaded version and the requests that run on it.

    Attributes:
      model: the SavedModel.
      batchers: by signature.
    """

    def __init__(self, model: Model, options: ServeOptions, room: Room, metrics: Metrics):
        self.model = model
        self.batchers = {
            name: Batcher(signature, options, room, metrics)
            for name, signature in model.signatures.items()
        }
        self.users = 0

    def close(self) -> None:
        """Ends its threads."""
        for batcher in self.batchers.values():
            batcher.close()


class Versions:
    """The versions of one model.

    Args:
      options: where they are, and how often to look.
      room: where images wait.
      metrics: where the served version is shown.
    """

    def __init__(self, options: ServeOptions, room: Room, metrics: Metrics):
        self._options = options
        self._folder = pathlib.Path(options.model_dir)
        self._parts = (options, room, metrics)
        self._loader = Worker("loader")
        self._loaded: dict[int, Version] = {}
        self._newest = 0
        self._failed: dict[int, tuple[tuple, str]] = {}
        self._gauge = metrics.version.labels(options.model)

    async def start(self) -> None:
        """Loads the highest version that can be, or raises."""
        if not await self._loader.run(folders.versions, self._folder):
            raise InputError(
                f"--model_dir={self._folder} holds no SavedModel; expected one, or folders 1, 2, "
                "... with one each."
            )
        await self.refresh()
        if not self._loaded:
            raise InputError(f"--model_dir={self._folder} holds no version that can be loaded.")

    async def watch(self) -> None:
        """Looks for newer versions until it is cancelled."""
        while True:
            await asyncio.sleep(self._options.poll_seconds)
            try:
                await self.refresh()
            except Exception as error:
                # Whatever a disk does, what is served goes on and the next look may succeed.
                _log.error("%s cannot be searched: %s", self._folder, error)

    async def refresh(self) -> None:
        """Loads the highest version above the served one, passing over those that fail."""
        found = await self._loader.run(folders.versions, self._folder)
        for number, path in found.items():
            if self._loaded and number <= self._newest:
                return
            state = await self._loader.run(folders.fingerprint, path)
            if self._failed.get(number, (None, ""))[0] == state:
                continue
            try:
                model = await self._loader.run(_load, path, number)
            except Exception as error:
                # Once: it is tried again only when its files change.
                reason = (str(error) or type(error).__name__).splitlines()[0]
                sentence = f"Version {number} cannot be loaded: {reason}"
                self._failed[number] = (state, sentence)
                _log.error("%s", sentence)
                continue
            self._switch(Version(model, *self._parts))
            return

    @contextlib.contextmanager
    def use(self, name: str, number: int | None) -> Iterator[Version]:
        """The version that answers a request, kept loaded until it is done.

        Args:
          name: the model's.
          number: the version's; None is the newest.
        """
        self.check_name(name)
        version = self._loaded.get(self._newest if number is None else number)
        if version is None:
            raise NotFound(
                f"Version {number} of the model {name} is not loaded; expected {self._numbers()}."
            )
        version.users += 1
        try:
            yield version
        finally:
            version.users -= 1
            self._tidy()

    def check_name(self, name: str) -> None:
        """Raises unless this is the model's name."""
        if name != self._options.model:
            raise NotFound(f"The model {name[:100]} is not served; expected {self._options.model}.")

    def states(self, number: int | None) -> list[tuple[int, str, str]]:
        """Each version's number, state as TensorFlow Serving names it, and error; newest first."""
        states = {n: ("END", sentence) for n, (_, sentence) in self._failed.items()}
        for loaded in self._loaded:
            states[loaded] = ("AVAILABLE" if loaded == self._newest else "UNLOADING", "")
        if number is not None and number not in states:
            raise NotFound(f"Version {number} is not known; expected {self._numbers()}.")
        wanted = sorted(states, reverse=True) if number is None else [number]
        return [(each, *states[each]) for each in wanted]

    def close(self) -> None:
        """Ends all threads."""
        for version in self._loaded.values():
            version.close()
        self._loader.stop()

    def _switch(self, version: Version) -> None:
        self._newest = version.model.number
        self._loaded[self._newest] = version
        self._gauge.set(self._newest)
        self._failed.pop(self._newest, None)
        self._tidy()
        print(f"Serving version {self._newest} of {self._options.model}.", flush=True)

    def _tidy(self) -> None:
        """Unloads what is neither the newest nor in use."""
        for number, version in list(self._loaded.items()):
            if number != self._newest and not version.users:
                self._loaded.pop(number).close()

    def _numbers(self) -> str:
        return " or ".join(map(str, sorted(self._loaded)))


def _load(path: pathlib.Path, number: int) -> Model:
    """A version that has answered its warm-up."""
    model = Model(path, number)
    warm_up(model)
    return model
