"""The steps of ``vitonnx app``: serve the page, or write it as a Space."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePath

from vitonnx.app import (
    MEGABYTE,
    Limits,
    check_space,
    export_space,
    kept_bytes,
    open_socket,
    read_users,
    run_app,
)
from vitonnx.cli._compare import note_untrained
from vitonnx.cli._console import Stage, give, inform
from vitonnx.cli._engines import open_engines
from vitonnx.cli._runtime import Runtime
from vitonnx.demo import demo_models
from vitonnx.engine import Engine

__all__ = ["PageCall", "export", "run"]

MILLION = 1_000_000


@dataclass(frozen=True, kw_only=True)
class PageCall:
    """Arguments of the command line."""

    models: tuple[str, ...]
    runtime: Runtime
    upload: int
    pixels: int
    seconds: int
    waiting: int
    memory: int

    def limits(self) -> Limits:
        """Return the limits in bytes and pixels."""
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
    with open_socket(host, port) as at:
        engines = _open(call.models, call.runtime, quiet=quiet)
        _note_memory(engines, limits, quiet=quiet)
        _log(quiet=quiet)
        run_app(
            engines,
            at,
            limits=limits,
            users=users,
            ready=give,
            closing=lambda sentence: inform(sentence, quiet=quiet),
        )


def export(call: PageCall, folder: Path, *, quiet: bool) -> None:
    """Write the folder of a Space, and print its name.

    Raises
    ------
    UsageError
        If the folder holds foreign files, or a file has its name.
    VitonnxError
        If a model can't be opened, or the folder can't be written to.
    """
    limits = call.limits()
    check_space(folder)
    # Models are only checked here, so the CPU will do: no note on a missing GPU.
    device = "cpu" if call.runtime.device == "auto" else call.runtime.device
    engines = _open(call.models, replace(call.runtime, device=device), quiet=quiet)
    with Stage(f"Writing {folder}", quiet=quiet):
        files = {name: engine.file for name, engine in engines.items()}
        export_space(folder, files, limits=limits, **call.runtime.options())
    give(folder)
    place = shlex.quote(str(folder))
    program, requirements = (
        shlex.quote(str(folder / name)) for name in ("app.py", "requirements.txt")
    )
    inform(
        "to try it, in a fresh virtual environment:  "
        f"pip install -r {requirements} && python {program}",
        quiet=quiet,
    )
    inform(f"to push it:  hf upload USER/NAME {place} . --repo-type space", quiet=quiet)


def _open(models: Sequence[str], runtime: Runtime, *, quiet: bool) -> dict[str, Engine]:
    make = partial(Engine, **runtime.options())
    opened = open_engines(models or tuple(demo_models()), make, quiet=quiet)
    note_untrained({name: engine.manifest for name, engine in opened.items()}, quiet=quiet)
    return {_public(name, list(opened)): engine for name, engine in opened.items()}


def _note_memory(engines: Mapping[str, Engine], limits: Limits, *, quiet: bool) -> None:
    """Print a note if the memory doesn't hold the attention of even one picture."""
    each = sorted((kept_bytes(engine.manifest) for engine in engines.values()), reverse=True)
    needed = sum(each[: limits.models])
    if needed > limits.memory:
        inform(
            f"the sliders will rerun the models: the attention of one picture takes "
            f"{needed / MEGABYTE:,.0f} MB, but only {limits.memory // MEGABYTE:,} MB may be kept. "
            f"Allow it with --memory {-(-needed // MEGABYTE)}.",
            quiet=quiet,
        )


def _public(name: str, names: Sequence[str]) -> str:
    """Name a model without telling visitors its folder on this machine.

    Models that share a name are named by their paths: here by the last part and a number.

    Examples
    --------
    >>> names = ["/home/anna/a/vit.onnx", "/home/anna/b/vit.onnx"]
    >>> [_public(name, names) for name in names]
    ['vit.onnx', 'vit.onnx (2)']
    """
    last = [PurePath(each).name for each in names[: names.index(name) + 1]]
    number = last.count(last[-1])
    return last[-1] if number == 1 else f"{last[-1]} ({number})"


def _log(*, quiet: bool) -> None:
    """Write the access log and failures to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
    log = logging.getLogger("vitonnx.app")
    log.handlers[:] = [handler]
    log.propagate = False
    log.setLevel(logging.ERROR if quiet else logging.INFO)
