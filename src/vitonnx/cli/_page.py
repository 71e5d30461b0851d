"""``vitonnx app``: serve the page."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated

import typer

from vitonnx.cli._console import give, inform
from vitonnx.cli._engines import Runtime, note_untrained, open_engines
from vitonnx.cli._options import MILLION, Device, Precision, Quiet, Threads

if TYPE_CHECKING:
    from vitonnx.app import Limits
    from vitonnx.engine import Engine

EXAMPLE = "Example: vitonnx app deit_base.onnx dino_vitb16.onnx"

HOST, PORT = "127.0.0.1", 7860


def page(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL",
            help="Probe-ready files, names from `vitonnx models`, or hf://ORG/REPO on the Hugging "
            "Face Hub. By default, the two models that come with vitonnx.",
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option("--host", help="Listen on this address; 0.0.0.0 admits other machines."),
    ] = HOST,
    port: Annotated[
        int, typer.Option("--port", help="Listen on this port; 0 picks a free one.")
    ] = PORT,
    auth: Annotated[
        Path | None,
        typer.Option(
            "--auth", metavar="FILE", help="Admit only these users: one user:password per line."
        ),
    ] = None,
    upload: Annotated[
        int, typer.Option("--upload", metavar="MB", help="Refuse larger picture or video files.")
    ] = 30,
    pixels: Annotated[
        int,
        typer.Option(
            "--pixels", metavar="MILLIONS", help="Refuse pictures or frames of more megapixels."
        ),
    ] = 50,
    seconds: Annotated[
        int, typer.Option("--seconds", metavar="N", help="Refuse longer videos.")
    ] = 20,
    waiting: Annotated[
        int, typer.Option("--waiting", metavar="N", help="Queue at most this many requests.")
    ] = 40,
    memory: Annotated[
        int,
        typer.Option(
            "--memory", metavar="MB", help="Keep up to this much attention in memory for sliders."
        ),
    ] = 160,
    public: Annotated[
        list[str] | None,
        typer.Option(
            "--public",
            metavar="URL",
            help="Answer to this address, too, by which a proxy makes the page known.",
        ),
    ] = None,
    device: Device = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    quiet: Quiet = False,
) -> None:
    """Serve a page for probing pictures and videos in the browser."""
    from vitonnx.app import MEGABYTE, Limits, open_socket, read_users, run_app
    from vitonnx.extras import require_app

    require_app()
    limits = Limits(
        upload=upload * MEGABYTE,
        pixels=pixels * MILLION,
        seconds=seconds,
        waiting=waiting,
        memory=memory * MEGABYTE,
    )
    runtime = Runtime(device, threads, precision)
    users = read_users(auth) if auth is not None else []
    with open_socket(host, port) as at:
        engines = _open(models, runtime, quiet=quiet)
        _note_memory(engines, limits, quiet=quiet)
        _log(quiet=quiet)
        run_app(
            engines,
            at,
            limits=limits,
            users=users,
            public=[f"http://[{host}]" if ":" in host else f"http://{host}", *(public or ())],
            ready=give,
            closing=partial(inform, quiet=quiet),
        )


def _open(models: Sequence[str] | None, runtime: Runtime, *, quiet: bool) -> dict[str, Engine]:
    from vitonnx.demo import demo_models
    from vitonnx.engine import Engine

    make = partial(Engine, **runtime.options())
    opened = open_engines(models or tuple(demo_models()), make, quiet=quiet)
    note_untrained({name: engine.manifest for name, engine in opened.items()}, quiet=quiet)
    return {_public(name, list(opened)): engine for name, engine in opened.items()}


def _note_memory(engines: Mapping[str, Engine], limits: Limits, *, quiet: bool) -> None:
    """Print a note if the memory doesn't hold the attention of even one picture."""
    from vitonnx.app import MEGABYTE, kept_bytes

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
