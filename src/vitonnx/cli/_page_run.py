"""The page served, or written as a Space."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from vitonnx.app import MEGABYTE, Limits, open_socket, read_users, run_app
from vitonnx.cli._compare import note_untrained
from vitonnx.cli._console import inform
from vitonnx.cli._engines import open_engines
from vitonnx.cli._runtime import Runtime
from vitonnx.demo import demo_models
from vitonnx.engine import Engine

__all__ = ["PageCall", "export", "run"]

MILLION = 1_000_000


@dataclass(frozen=True, kw_only=True)
class PageCall:
    """What was asked on the command line."""

    models: tuple[str, ...]
    runtime: Runtime
    upload: int
    pixels: int
    seconds: int
    waiting: int
    memory: int

    def limits(self) -> Limits:
        """Give the limits in bytes and pixels."""
        return Limits(
            upload=self.upload * MEGABYTE,
            pixels=self.pixels * MILLION,
            seconds=self.seconds,
            waiting=self.waiting,
            memory=self.memory * MEGABYTE,
        )


def run(call: PageCall, host: str, port: int, auth: Path | None, *, quiet: bool) -> None:
    """Serve until the process is asked to end."""
    limits = call.limits()
    users = read_users(auth) if auth is not None else []
    at = open_socket(host, port)
    with at:
        make = partial(Engine, **call.runtime.options())
        engines = open_engines(call.models or tuple(demo_models()), make, quiet=quiet)
        note_untrained({name: engine.manifest for name, engine in engines.items()}, quiet=quiet)
        _log(quiet=quiet)
        run_app(
            engines,
            at,
            limits=limits,
            users=users,
            ready=lambda address: print(address, flush=True),
            closing=lambda sentence: inform(sentence, quiet=quiet),
        )


def export(call: PageCall, folder: Path, *, quiet: bool) -> None:
    """Write the folder of a Space, and print its name."""
    raise NotImplementedError


def _log(*, quiet: bool) -> None:
    """Write the access log, and what failed, on stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
    log = logging.getLogger("vitonnx.app")
    log.handlers[:] = [handler]
    log.propagate = False
    log.setLevel(logging.ERROR if quiet else logging.INFO)
