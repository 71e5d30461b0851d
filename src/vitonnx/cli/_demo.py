"""``vitonnx demo``: the whole way, on the models inside the package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vitonnx.cli._options import MaxPixels, Quiet
from vitonnx.errors import UsageError

EXAMPLE = "Example: vitonnx demo --image bird.png -o try"


def demo(
    context: typer.Context,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for all that comes out.")
    ] = Path("vitonnx-demo"),
    image: Annotated[
        list[Path] | None,
        typer.Option(
            "--image",
            metavar="FILE",
            help="A picture of your own instead of the drawn ones (several: once each).",
        ),
    ] = None,
    video: Annotated[
        Path | None,
        typer.Option(
            "--video", metavar="FILE", help="A video of your own instead of the drawn one."
        ),
    ] = None,
    max_pixels: MaxPixels = None,
    evaluate: Annotated[
        bool,
        typer.Option(
            "--evaluate", help="Instead, measure how good the models are, on 500 unseen scenes."
        ),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Show every probe, on two small models and drawn scenes: no network, no TensorFlow."""
    from vitonnx.cli._demo_evaluate import run as measure
    from vitonnx.cli._demo_run import DemoCall, run

    if evaluate:
        if image or video:
            raise UsageError("--evaluate draws its own scenes: leave --image and --video out.")
        measure(output, quiet=quiet)
    else:
        own = DemoCall(folder=output, images=tuple(image or ()), video=video, max_pixels=max_pixels)
        run(own, context.find_root().command, quiet=quiet)
