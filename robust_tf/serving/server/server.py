"""The server's life: it loads the model, opens its ports, answers, and ends when it is told to."""

import asyncio
import signal

from aiohttp import web

from robust_tf.errors import InputError
from robust_tf.serving.server.desk import Desk
from robust_tf.serving.server.options import ServeOptions
from robust_tf.serving.server.rest import Rest

# Clients that hold a connection open have this long without any request before it is closed.
_QUIET_SECONDS = 0.5


class Server:
    """A server on the running event loop.

    Args:
      options: what is served, and where.

    Attributes:
      rest_port: the port of REST once it has started.
    """

    def __init__(self, options: ServeOptions):
        self.rest_port = 0
        self._options = options
        self._desk = Desk(options)

    async def start(self) -> None:
        """Loads the model, then opens the ports: who can connect is answered."""
        try:
            await self._desk.versions.start()
            await self._open_rest()
        except BaseException:
            self._desk.close()
            raise
        self._watching = asyncio.create_task(self._desk.versions.watch())

    async def stop(self) -> None:
        """Finishes the running requests, for as long as the grace lasts, and closes all."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._options.grace_seconds
        self._desk.stopping = True
        self._watching.cancel()
        await self._site.stop()
        await self._quiet(deadline)
        await self._runner.cleanup()
        self._desk.close()

    async def _open_rest(self) -> None:
        # Running requests have ended by themselves, or had their time, when the runner ends.
        self._runner = web.AppRunner(
            Rest(self._desk).application(), access_log=None, shutdown_timeout=0.1
        )
        await self._runner.setup()
        self._site = web.TCPSite(self._runner, self._options.host, self._options.rest_port)
        try:
            await self._site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise InputError(
                f"--rest_port={self._options.rest_port} cannot be opened at "
                f"{self._options.host} ({error.strerror}); expected a free port."
            ) from error
        self.rest_port = self._runner.addresses[0][1]

    async def _quiet(self, deadline: float) -> None:
        """Waits until no request has run for a moment, or the deadline."""
        loop = asyncio.get_running_loop()
        last = loop.time()
        while (now := loop.time()) < min(deadline, last + _QUIET_SECONDS):
            if self._desk.metrics.running:
                last = now
            await asyncio.sleep(0.01)


def serve(options: ServeOptions) -> None:
    """Serves until SIGTERM or SIGINT, then finishes the running requests and returns."""
    asyncio.run(_serve(options))


async def _serve(options: ServeOptions) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = Server(options)
    await server.start()
    print(f"REST: http://{options.host}:{server.rest_port}/v1/models/{options.model}", flush=True)
    await stop.wait()
    await server.stop()
