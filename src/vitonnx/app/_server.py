"""The page as a server: from a socket to a clean end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from types import FrameType

import uvicorn

from vitonnx.app._gate import Gate
from vitonnx.app._protocol import Impatient
from vitonnx.app._replies import Outermost
from vitonnx.app._routes import Routes
from vitonnx.app._videos import Videos
from vitonnx.errors import UsageError

__all__ = ["PATIENCE", "open_socket", "serve"]

PATIENCE = 30.0  # seconds that running work has to come to its end
TIDY = 60.0  # seconds


def open_socket(host: str, port: int) -> socket.socket:
    """Take an address before any work is done.

    Parameters
    ----------
    host : str
        A name or an address of this machine; ``0.0.0.0`` and ``::`` are all of them.
    port : int
        0 is any that is free.

    Raises
    ------
    UsageError
        If it can't be used.
    """
    if not 0 <= port <= 65535:
        raise UsageError(
            f"port {port} is out of range: choose one from 0 (any free port) to 65535."
        )
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with ExitStack() as undo:
            taken = undo.enter_context(socket.socket(family, kind, protocol))
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(address)
            taken.listen()
            undo.pop_all()
    except OSError as error:
        raise UsageError(
            f"can't serve {host}:{port}: {error.strerror or error}. Choose another port, such as "
            "0 for any free one, or another host."
        ) from error
    return taken


def serve(
    routes: Routes,
    gate: Gate,
    videos: Videos,
    at: socket.socket,
    idle: float,
    ready: Callable[[str], None],
    closing: Callable[[str], None],
) -> None:
    """Serve the page until the process is asked to end, then finish what runs.

    Raise a KeyboardInterrupt at Ctrl-C, once what ran is done; a second one ends at once.
    """
    config = uvicorn.Config(
        Outermost(gate),
        http=partial(Impatient, patience=idle),  # type: ignore[arg-type]
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",  # what is to be said of a request is said by the page itself
        access_log=False,
        server_header=False,
        # A proxy is believed where it is named: else anybody could be anybody.
        forwarded_allow_ips=os.environ.get("FORWARDED_ALLOW_IPS", ""),
        timeout_graceful_shutdown=1,
    )
    server = _Server(config, gate, videos, ready, closing)
    asyncio.run(_serve(server, at, routes))
    if server.interrupted:
        raise KeyboardInterrupt


async def _serve(server: _Server, at: socket.socket, routes: Routes) -> None:
    async def keep_tidy() -> None:
        while True:
            await asyncio.sleep(TIDY)
            routes.tidy(time.monotonic())

    tidying = asyncio.create_task(keep_tidy())
    try:
        await server.serve(sockets=[at])
    finally:
        tidying.cancel()


class _Server(uvicorn.Server):
    """Uvicorn's server, which at a signal first finishes what runs."""

    def __init__(
        self,
        config: uvicorn.Config,
        gate: Gate,
        videos: Videos,
        ready: Callable[[str], None],
        closing: Callable[[str], None],
    ) -> None:
        super().__init__(config)
        self.interrupted = False
        self._gate, self._videos, self._ready, self._closing = gate, videos, ready, closing
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, and say where."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            self._ready(f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End when all is done; at a second signal, at once."""
        self.interrupted |= sig == signal.SIGINT
        if self._gate.closing or self._loop is None:
            logging.disable()  # requests that are cut off now fail, as expected
            self._videos.stop_all()
            self.should_exit = self.force_exit = True
        else:
            self._gate.closing = True
            self._loop.call_soon_threadsafe(self._begin_end)

    def _begin_end(self) -> None:
        self._closing(
            "finishing running requests and accepting no new ones; a second signal ends at once."
        )
        self._end = asyncio.create_task(self._close())

    async def _close(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while self._gate.inside or self._videos.busy:
            if time.monotonic() > deadline:
                self._closing(f"some requests still ran after {PATIENCE:.0f} s and were ended.")
                self._videos.stop_all()
                break
            await asyncio.sleep(0.1)
        self.should_exit = True
