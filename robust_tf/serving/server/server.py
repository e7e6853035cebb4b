"""The server's life: it loads the model, opens its ports, answers, and ends when it is told to."""

import asyncio
import contextlib
import signal
import socket

from aiohttp import web

from robust_tf.errors import InputError
from robust_tf.serving.server import grpc_service, rest
from robust_tf.serving.server.desk import Desk
from robust_tf.serving.server.options import ServeOptions
from robust_tf.serving.server.rest import Rest

# Clients that hold a connection open have this long without any request before it is closed.
_QUIET_SECONDS = 1.0


class Server:
    """A server on the running event loop.

    Args:
      options: what is served, and where.

    Attributes:
      rest_port: the port of REST once it has started.
      grpc_port: the port of gRPC; None where it is off.
    """

    def __init__(self, options: ServeOptions):
        self.rest_port = 0
        self.grpc_port: int | None = None
        self._options = options
        self._desk = Desk(options)
        # Requests have ended by themselves, or had their time, when the runner ends.
        application = Rest(self._desk).application()
        self._runner = web.AppRunner(
            application, access_log=None, logger=rest.log, shutdown_timeout=0.1
        )
        self._grpc, self._health = grpc_service.server(self._desk)

    async def start(self) -> None:
        """Loads the model, then opens the ports: who can connect is answered."""
        try:
            await self._desk.versions.start()
            await self._open_rest()
            if self._options.grpc_port is not None:
                await self._open_grpc(self._options.grpc_port)
        except BaseException:
            await self._close(0)
            raise
        self._watching = asyncio.create_task(self._desk.versions.watch())

    async def stop(self) -> None:
        """Finishes the running requests, for as long as the grace lasts, and closes all.

        Connections of REST that are open may bring one request more, whose answer closes them:
        a client that has sent one must not find its connection gone. gRPC tells its clients by
        itself that what it refuses was not begun.
        """
        deadline = asyncio.get_running_loop().time() + self._options.grace_seconds
        self._desk.stopping = True
        self._watching.cancel()
        await self._health.enter_graceful_shutdown()
        await self._close_rest()
        await self._quiet(deadline)
        left = deadline - asyncio.get_running_loop().time()
        await self._close(max(left, 0))

    async def _open_rest(self) -> None:
        await self._runner.setup()
        host, port = self._options.host, self._options.rest_port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._listening = socket.create_server((host, port), family=family)
        except OSError as error:
            raise self._closed("rest_port", port) from error
        self._listening.setblocking(False)
        self._site = web.SockSite(self._runner, self._listening)
        await self._site.start()
        self.rest_port = self._listening.getsockname()[1]

    async def _close_rest(self) -> None:
        """Takes no more connections, except those that the kernel has taken already.

        Closing alone would break them off, and their clients may have sent a request.
        """
        waiting = []
        with contextlib.suppress(BlockingIOError):
            while True:
                waiting.append(self._listening.accept()[0])
        await self._site.stop()
        for connection in waiting:
            connection.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.connect_accepted_socket(self._runner.server, connection)

    async def _open_grpc(self, port: int) -> None:
        host = f"[{self._options.host}]" if ":" in self._options.host else self._options.host
        try:
            self.grpc_port = self._grpc.add_insecure_port(f"{host}:{port}")
        except RuntimeError as error:
            raise self._closed("grpc_port", port) from error
        await grpc_service.show_serving(self._health)
        await self._grpc.start()

    def _closed(self, name: str, port: int) -> InputError:
        return InputError(
            f"--{name}={port} cannot be opened at --host={self._options.host}; "
            "expected a free port of this machine."
        )

    async def _quiet(self, deadline: float) -> None:
        """Waits until nothing has run, nor been sent, for a moment; or the deadline."""
        loop = asyncio.get_running_loop()
        last = loop.time()
        while (now := loop.time()) < min(deadline, last + _QUIET_SECONDS):
            if self._desk.metrics.running or self._sending():
                last = now
            await asyncio.sleep(0.01)

    def _sending(self) -> bool:
        """Whether an answer of REST is still on its way to a client that reads slowly."""
        transports = [connection.transport for connection in self._runner.server.connections]
        return any(each and each.get_write_buffer_size() for each in transports)

    async def _close(self, grace: float) -> None:
        await self._grpc.stop(grace)
        await self._runner.cleanup()
        self._desk.close()


def serve(options: ServeOptions) -> None:
    """Serves until SIGTERM or SIGINT, then finishes the running requests and returns."""
    asyncio.run(_serve(options))


async def _serve(options: ServeOptions) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = Server(options)
    if not await _started(server, stop):
        return
    print(f"REST: http://{options.host}:{server.rest_port}/v1/models/{options.model}", flush=True)
    if server.grpc_port is not None:
        print(f"gRPC: {options.host}:{server.grpc_port}", flush=True)
    await stop.wait()
    print("Stopping.", flush=True)
    await server.stop()


async def _started(server: Server, stop: asyncio.Event) -> bool:
    """Whether the server runs, rather than being stopped while it loads its model."""
    starting, stopping = (asyncio.create_task(each) for each in (server.start(), stop.wait()))
    await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
    if starting.done():
        starting.result()
        return True
    starting.cancel()
    await asyncio.wait((starting,))
    return False
