"""``vitonnx app``: serve the page, or write it as a folder."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated

import typer

from vitonnx.cli._console import Stage, give, inform
from vitonnx.cli._engines import Runtime, note_untrained, open_engines
from vitonnx.cli._options import MILLION, Device, Quiet, Size, Threads, parse_size
from vitonnx.errors import UsageError

if TYPE_CHECKING:
    from vitonnx.app import Limits
    from vitonnx.engine import Engine, Precision

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
    static: Annotated[
        Path | None,
        typer.Option(
            "--static",
            metavar="DIR",
            help="Serve nothing; write the page as a folder for any web server, with its models, "
            "which run in the visitor's browser.",
        ),
    ] = None,
    space: Annotated[
        bool,
        typer.Option("--space", help="With --static: write the README of a static Space, too."),
    ] = False,
    runtime: Annotated[
        Path | None,
        typer.Option(
            "--runtime",
            metavar="DIR",
            help="With --static: the unpacked npm package onnxruntime-web; otherwise its files are "
            "fetched once.",
        ),
    ] = None,
    cdn: Annotated[
        bool,
        typer.Option("--cdn", help="With --static: have visitors fetch the runtime from a CDN."),
    ] = False,
    host: Annotated[
        str,
        typer.Option("--host", help="Listen on this address; 0.0.0.0 admits other machines."),
    ] = HOST,
    port: Annotated[
        int, typer.Option("--port", help="Listen on this port; 0 picks a free one.")
    ] = PORT,
    public: Annotated[
        list[str] | None,
        typer.Option(
            "--public",
            metavar="URL",
            help="An address by which visitors know the page, behind a proxy; repeat for more.",
        ),
    ] = None,
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
            "--memory",
            metavar="MB",
            help="Keep up to this much of what models said of pictures, so that a click runs no "
            "model.",
        ),
    ] = 256,
    size: Size = None,
    device: Device = "auto",
    threads: Threads = None,
    precision: Annotated[
        list[str] | None,
        typer.Option(
            "--precision",
            metavar="fp32|fp16|int8",
            help="Run models in this precision. With --static: write them in it; repeat for more.",
        ),
    ] = None,
    export_space: Annotated[
        Path | None, typer.Option("--export-space", metavar="DIR", hidden=True)
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Serve a page for probing pictures and videos, or write it as a folder."""
    from vitonnx.app import MEGABYTE, Limits
    from vitonnx.engine import check_precision
    from vitonnx.extras import require_app

    if export_space is not None:
        raise UsageError(
            "--export-space is gone: --static DIR --space writes a Space that needs no machine."
        )
    limits = Limits(
        upload=upload * MEGABYTE,
        pixels=pixels * MILLION,
        seconds=seconds,
        waiting=waiting,
        memory=memory * MEGABYTE,
    )
    precisions = [check_precision(each) for each in precision or ()]
    if static is not None:
        if (host, port, auth, public) != (HOST, PORT, None, None):
            raise UsageError(
                "--host, --port, --public and --auth apply to a page served from here: omit them "
                "with --static, and set at the host who may see the folder."
            )
        _write(static, models, precisions, runtime, cdn, space, limits, size, quiet=quiet)
        return
    if space or cdn or runtime is not None:
        raise UsageError("--space, --runtime and --cdn belong to --static DIR: give that, too.")
    if len(precisions) > 1:
        raise UsageError("a served page runs its models in one precision: give --precision once.")
    require_app()
    from vitonnx.app import open_socket, read_users, run_app

    users = read_users(auth) if auth is not None else []
    with open_socket(host, port) as at:
        options = Runtime(device, threads, *precisions)
        engines = _open(models, options, size, quiet=quiet)
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


def _write(
    folder: Path,
    models: Sequence[str] | None,
    precisions: Sequence[Precision],
    runtime: Path | None,
    cdn: bool,
    space: bool,
    limits: Limits,
    size: str | None,
    *,
    quiet: bool,
) -> None:
    """Write the static page, and say how to look at it."""
    from vitonnx.app import MEGABYTE, check_static, write_static

    check_static(folder)
    # Models are only written here, so the CPU will do: no note on a missing GPU.
    engines = _open(models, Runtime("cpu"), size, quiet=quiet)
    with Stage(f"Writing {folder}", quiet=quiet) as show:
        sizes = write_static(
            engines,
            folder,
            precisions=precisions,
            runtime=runtime,
            cdn=cdn,
            space=space,
            limits=limits,
            progress=show,
        )
    give(folder)
    for name, size_of in sizes.items():
        inform(f"{name}: {size_of / MEGABYTE:.1f} MB", quiet=quiet)
    inform(f"to look at it:  python -m http.server -d {shlex.quote(str(folder))}", quiet=quiet)


def _open(
    models: Sequence[str] | None, runtime: Runtime, size: str | None, *, quiet: bool
) -> dict[str, Engine]:
    from vitonnx.demo import demo_models

    make = runtime.opener(parse_size(size), None, quiet=quiet)
    opened = open_engines(models or tuple(demo_models()), make, quiet=quiet)
    note_untrained({name: engine.manifest for name, engine in opened.items()}, quiet=quiet)
    return {_public(name, list(opened)): engine for name, engine in opened.items()}


def _note_memory(engines: Mapping[str, Engine], limits: Limits, *, quiet: bool) -> None:
    """Print a note if the memory doesn't hold the attention of even one picture."""
    from vitonnx.app import MEGABYTE
    from vitonnx.portable import kept_bytes

    each = sorted((kept_bytes(engine.layout) for engine in engines.values()), reverse=True)
    needed = sum(each[: limits.models])
    if needed > limits.memory:
        inform(
            f"clicks will run the models again: what they say of one picture takes "
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
