"""The page as a server: from a socket to a clean end."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import FrameType

import gradio as gr
import uvicorn
from fastapi import FastAPI

from vitonnx.app._access import AccessLog
from vitonnx.app._doors import Doors
from vitonnx.app._failures import Failures
from vitonnx.app._folder import Folder
from vitonnx.app._guard import Guard
from vitonnx.app._limits import Limits
from vitonnx.app._looks import looks
from vitonnx.app._turns import Turns
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
    page: gr.Blocks,
    at: socket.socket,
    limits: Limits,
    folder: Folder,
    *,
    models: Sequence[str],
    users: Sequence[tuple[str, str]] = (),
    ready: Callable[[str], None] = lambda address: None,
    closing: Callable[[str], None] = lambda sentence: None,
    left: Callable[[str], object] = lambda visitor: None,
    cut: Callable[[], None] = lambda: None,
) -> None:
    """Serve the page until the process is asked to end, then finish running requests.

    Parameters
    ----------
    page : gradio.Blocks
        The page.
    at : socket
        See `open_socket`.
    limits : Limits
        The page's.
    folder : Folder
        The page's own.
    models : sequence of str
        Names of the models, for ``/healthz``.
    users : sequence of (user, password)
        Users to admit; everyone, if empty.
    ready : callable
        Called with the address, once visitors can connect.
    closing : callable
        Called with a sentence when the page shuts down.
    left : callable
        Called with a visitor who has closed the page.
    cut : callable
        Called when running requests must end now.

    Raises
    ------
    KeyboardInterrupt
        At Ctrl-C, once what ran is done. A second one ends at once.
    """
    inner = _mount(page, limits, users)
    guard = Guard(inner, limits, folder, Turns(page))
    # Who has yet to log in is not told what there is.
    doors = Doors(guard, [] if users else models, left)
    folder.settle()
    config = uvicorn.Config(
        AccessLog(Failures(doors)),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config, doors, ready, closing, cut)
    asyncio.run(_serve(server, at, lambda: folder.tidy(limits.disk)))
    if server.interrupted:
        raise KeyboardInterrupt


async def _serve(server: _Server, at: socket.socket, tidy: Callable[[], object]) -> None:
    async def keep_tidy() -> None:
        while True:
            await asyncio.sleep(TIDY)
            await asyncio.to_thread(tidy)

    tidying = asyncio.create_task(keep_tidy())
    try:
        await server.serve(sockets=[at])
    finally:
        tidying.cancel()


def _mount(page: gr.Blocks, limits: Limits, users: Sequence[tuple[str, str]]) -> FastAPI:
    page.state_session_capacity = limits.visitors
    mounted: FastAPI = gr.mount_gradio_app(
        FastAPI(openapi_url=None),
        page,
        path="/",
        auth=list(users) or None,
        max_file_size=limits.upload,
        show_error=True,
        footer_links=["gradio"],
        run_history=False,
        enable_monitoring=False,
        **looks(),
    )
    # Without this Gradio believes itself in a test, and lets visitors name any file of the machine.
    page.has_launched = True
    for handler in page.fns.values():
        # Otherwise Gradio describes them, with the models' names, before login.
        handler.api_visibility = "undocumented"
    return mounted


class _Server(uvicorn.Server):
    """Uvicorn's server, which at a signal first finishes what runs."""

    def __init__(
        self,
        config: uvicorn.Config,
        doors: Doors,
        ready: Callable[[str], None],
        closing: Callable[[str], None],
        cut: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self.interrupted = False
        self._doors, self._ready, self._closing, self._cut = doors, ready, closing, cut
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
        if self._doors.closing or self._loop is None:
            # Requests cut off now fail, as expected.
            logging.disable()
            self._cut()
            self.should_exit = self.force_exit = True
        else:
            self._doors.closing = True
            self._loop.call_soon_threadsafe(self._begin_end)

    def _begin_end(self) -> None:
        self._closing(
            "finishing running requests and accepting no new ones; a second signal ends at once."
        )
        self._end = asyncio.create_task(self._close())

    async def _close(self) -> None:
        if not await self._doors.close(PATIENCE):
            self._closing(f"some requests still ran after {PATIENCE:.0f} s and were ended.")
            self._cut()
        self.should_exit = True
