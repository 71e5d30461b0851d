"""``vitonnx app``: serve the page, or write it as a Space."""

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
    space: Annotated[
        Path | None,
        typer.Option(
            "--export-space",
            metavar="DIR",
            help="Serve nothing; write a folder ready to push as a Hugging Face Space.",
        ),
    ] = None,
    device: Device = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    quiet: Quiet = False,
) -> None:
    """Serve a page for probing pictures and videos in the browser."""
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
            "--host, --port and --auth apply to a page served from here, not to a Space: omit them "
            "with --export-space, and set on the hub who may see the Space."
        )
