"""Which versions are served: the highest that works, and others until their requests are done.

As TensorFlow Serving's default policy: another version is loaded beside the one that is served,
takes over once it has answered a warm-up call, and the replaced one goes. A number that is deleted
and comes again is another version: export counts on from the highest number that is there.
"""

import asyncio
import contextlib
import logging
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

from robust_tf.errors import InputError
from robust_tf.serving import folders
from robust_tf.serving.server.failures import NotFound
from robust_tf.serving.server.metrics import Metrics
from robust_tf.serving.server.options import ServeOptions
from robust_tf.serving.server.room import Room
from robust_tf.serving.server.version import Version, load
from robust_tf.serving.server.worker import Worker

_log = logging.getLogger(__name__)
# After which a version that could not be loaded is tried again, though its files are the same:
# memory may have been short, or a disk away. When they change, it is tried at once.
_RETRY_SECONDS = 60.0


class _Failed(NamedTuple):
    """A version that could not be loaded: the state of its files, why, and when."""

    state: tuple
    sentence: str
    when: float


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
        # The last is served.
        self._loaded: list[Version] = []
        self._failed: dict[int, _Failed] = {}
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
        """Looks for other versions until it is cancelled."""
        while True:
            await asyncio.sleep(self._options.poll_seconds)
            try:
                await self.refresh()
            except Exception as error:
                # Whatever a disk does, what is served goes on and the next look may succeed.
                _log.error("%s cannot be searched: %s", self._folder, error)

    async def refresh(self) -> None:
        """Serves the highest version, passing over those that fail."""
        found = await self._loader.run(folders.versions, self._folder)
        for number, path in found.items():
            # What is served stays, though its files become what cannot be loaded.
            if await self._serve(number, path) or number == self._served_number():
                return

    async def _serve(self, number: int, path: pathlib.Path) -> bool:
        """Whether this version is served, which it may be from now on."""
        state = await self._loader.run(folders.fingerprint, path)
        if self._loaded and self._loaded[-1].identity == (number, state):
            return True
        failed, time = self._failed.get(number), asyncio.get_running_loop().time
        if failed and failed.state == state and time() < failed.when + _RETRY_SECONDS:
            return False
        try:
            model = await self._loader.run(load, path, number)
        except Exception as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            sentence = f"Version {number} cannot be loaded: {reason}"
            self._failed[number] = _Failed(state, sentence, time())
            if failed is None or failed[:2] != (state, sentence):
                _log.error("%s", sentence)
            return False
        self._switch(Version(model, state, *self._parts))
        return True

    @contextlib.contextmanager
    def use(self, name: str, number: int | None) -> Iterator[Version]:
        """The version that answers a request, kept loaded until it is done.

        Args:
          name: the model's.
          number: the version's; None is the served one.
        """
        self.check_name(name)
        asked = (each for each in reversed(self._loaded) if number in (None, each.model.number))
        version = next(asked, None)
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
        states = {n: ("END", failed.sentence) for n, failed in self._failed.items()}
        for loaded in self._loaded:
            served = loaded is self._loaded[-1]
            states[loaded.model.number] = ("AVAILABLE" if served else "UNLOADING", "")
        if number is not None and number not in states:
            raise NotFound(f"Version {number} is not known; expected {self._numbers()}.")
        wanted = sorted(states, reverse=True) if number is None else [number]
        return [(each, *states[each]) for each in wanted]

    def close(self) -> None:
        """Ends all threads."""
        for version in self._loaded:
            version.close()
        self._loader.stop()

    def _switch(self, version: Version) -> None:
        number = version.model.number
        self._loaded.append(version)
        self._gauge.set(number)
        self._failed.pop(number, None)
        self._tidy()
        print(f"Serving version {number} of {self._options.model}.", flush=True)

    def _tidy(self) -> None:
        """Unloads what is neither served nor in use."""
        for version in self._loaded[:-1]:
            if not version.users:
                self._loaded.remove(version)
                version.close()

    def _served_number(self) -> int | None:
        return self._loaded[-1].model.number if self._loaded else None

    def _numbers(self) -> str:
        return " or ".join(str(n) for n in sorted({each.model.number for each in self._loaded}))
