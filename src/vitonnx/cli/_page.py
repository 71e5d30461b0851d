"""``vitonnx app``: the page, on one's own machine or as a hosted Space."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vitonnx.cli._options import Device, Precision, Quiet, Threads
from vitonnx.errors import UsageError

EXAMPLE = "Example: vitonnx app deit_base.onnx dino_vitb16.onnx"

HOST, PORT = "127.0.0.1", 7860


def page(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL",
            help="Probe-ready files, names of `vitonnx models`, or a hub's hf://ORG/REPO; without "
            "any, the two models that come with vitonnx.",
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option("--host", help="Who can come: this machine alone, or 0.0.0.0 for everybody."),
    ] = HOST,
    port: Annotated[int, typer.Option("--port", help="0 is any that is free.")] = PORT,
    auth: Annotated[
        Path | None,
        typer.Option("--auth", metavar="FILE", help="Who may come: a user:password a line."),
    ] = None,
    upload: Annotated[
        int, typer.Option("--upload", metavar="MB", help="The largest picture or video.")
    ] = 30,
    pixels: Annotated[
        int, typer.Option("--pixels", metavar="MILLIONS", help="The largest picture or frame.")
    ] = 50,
    seconds: Annotated[int, typer.Option("--seconds", metavar="N", help="The longest video.")] = 20,
    waiting: Annotated[
        int, typer.Option("--waiting", metavar="N", help="Questions that may wait in the queue.")
    ] = 40,
    memory: Annotated[
        int,
        typer.Option("--memory", metavar="MB", help="For attention that is kept for the sliders."),
    ] = 160,
    space: Annotated[
        Path | None,
        typer.Option(
            "--export-space",
            metavar="DIR",
            help="Serve nothing: write a folder that can be pushed to a hosted Space as it is.",
        ),
    ] = None,
    device: Device = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    quiet: Quiet = False,
) -> None:
    """Open a page on which pictures can be probed in the browser."""
    from vitonnx.cli._page_run import PageCall, export, run
    from vitonnx.cli._runtime import Runtime
    from vitonnx.extras import require_app

    require_app()
    call = PageCall(
        models=tuple(models or ()),
        runtime=Runtime(device, threads, precision),
        upload=upload,
        pixels=pixels,
        seconds=seconds,
        waiting=waiting,
        memory=memory,
    )
    if space is None:
        run(call, host, port, auth, quiet=quiet)
    elif (host, port, auth) == (HOST, PORT, None):
        export(call, space, quiet=quiet)
    else:
        raise UsageError(
            "--host, --port and --auth are for a page that is served from here, and a Space has "
            "its own: leave them out with --export-space, and say on the hub who may see it."
        )
