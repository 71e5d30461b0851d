"""The page as a server: from a socket to a clean end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import FrameType

import uvicorn

from vitonnx.app._answers import Answers, reopen
from vitonnx.app._catalogue import catalogue
from vitonnx.app._gate import Gate
from vitonnx.app._limits import Limits
from vitonnx.app._protocol import Impatient
from vitonnx.app._routes import Routes
from vitonnx.engine import Engine
from vitonnx.errors import UsageError
from vitonnx.heap import return_memory
from vitonnx.media import temporary_folder

__all__ = ["open_socket", "run_app"]

PATIENCE = 30.0  # seconds that running work has to come to its end
TIDY = 600  # ticks of a tenth of a second


def open_socket(host: str, port: int) -> socket.socket:
    """Take an address before any work is done; raise a UsageError if it can't be used.

    The host ``0.0.0.0``, or ``::``, is all addresses of this machine, and the port 0 any that is
    free.
    """
    if not 0 <= port <= 65535:
        raise UsageError(f"port {port} is out of range: choose one from 0 (any free) to 65535.")
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
        return socket.create_server((host, port), family=family, dualstack_ipv6=both)
    except OSError as error:
        raise UsageError(
            f"can't serve {host}:{port}: {error.strerror or error}. Choose another port, such as "
            "0 for any free one, or another host."
        ) from error


def run_app(
    engines: Mapping[str, Engine],
    at: socket.socket,
    *,
    limits: Limits | None = None,
    users: Sequence[tuple[str, str]] = (),
    public: Sequence[str] = (),
    ready: Callable[[str], None] = lambda address: None,
    closing: Callable[[str], None] = lambda sentence: None,
) -> None:
    """Serve the page of some models until the process is asked to end, then finish what runs.

    The first two engines, named as visitors choose them, are shown at the start. Only `users`, of
    names and passwords, are admitted, or everyone if there are none. The page answers to no other
    names than ``localhost``, its own address, and `public` ones, such as ``https://lab.example``.
    `ready` takes the address, once visitors can connect, and `closing` sentences on the way to the
    end.

    At Ctrl-C, raise a KeyboardInterrupt once what ran is done, and at a second one at once; raise a
    UsageError if a public address is none.
    """
    return_memory(heaps=2)
    limits = limits or Limits()
    # One size for all pictures of a model, so that every question is one of the same graph.
    engines = {
        name: reopen(engine) if engine.manifest.preprocessing.multiple else engine
        for name, engine in engines.items()
    }
    with temporary_folder() as folder:
        (folder / "sent").mkdir()
        told = catalogue(engines, limits, folder, served=True)
        routes = Routes(Answers(engines, limits), limits, folder, told)
        gate = Gate(routes, list(engines), users, public)
        config = uvicorn.Config(
            gate,
            http=partial(Impatient, patience=limits.idle),  # type: ignore[arg-type]
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
        server = _Server(config, gate, routes, ready, closing)
        asyncio.run(server.serve(sockets=[at]))
    if server.interrupted:
        raise KeyboardInterrupt


class _Server(uvicorn.Server):
    """Uvicorn's server, which at a signal first finishes what runs."""

    def __init__(
        self,
        config: uvicorn.Config,
        gate: Gate,
        routes: Routes,
        ready: Callable[[str], None],
        closing: Callable[[str], None],
    ) -> None:
        super().__init__(config)
        self.interrupted, self._deadline = False, 0.0
        self._gate, self._routes, self._ready, self._closing = gate, routes, ready, closing

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, and say where."""
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            self._ready(f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End when all is done; at a second signal, at once."""
        self.interrupted |= sig == signal.SIGINT
        if self._gate.closing or not self.started:
            logging.disable()  # requests that are cut off now fail, as expected
            self._routes.videos.stop_all()
            self.should_exit = self.force_exit = True
        self._gate.closing = True

    async def on_tick(self, counter: int) -> bool:
        """Tidy up now and then, and tell whether it is time to end: ten times a second."""
        now, videos = time.monotonic(), self._routes.videos
        if counter % TIDY == 0:
            self._routes.tidy(now)
        if self._gate.closing and not self._deadline:
            self._deadline = now + PATIENCE
            self._closing(
                "finishing running requests and accepting no new ones; a second signal ends at "
                "once."
            )
        if self._gate.closing and now > self._deadline:
            self._closing(f"some requests still ran after {PATIENCE:.0f} s and were ended.")
            videos.stop_all()
            self.should_exit = True
        self.should_exit |= self._gate.closing and not (self._gate.inside or videos.busy)
        return await super().on_tick(counter)
