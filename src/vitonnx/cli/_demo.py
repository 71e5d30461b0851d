"""``vitonnx demo``: run every probe on the models inside the package."""

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
        Path, typer.Option("--output", "-o", metavar="DIR", help="Write everything to this folder.")
    ] = Path("vitonnx-demo"),
    image: Annotated[
        list[Path] | None,
        typer.Option(
            "--image",
            metavar="FILE",
            help="Use this picture instead of drawn scenes (repeat for several).",
        ),
    ] = None,
    video: Annotated[
        Path | None,
        typer.Option("--video", metavar="FILE", help="Use this video instead of a drawn one."),
    ] = None,
    max_pixels: MaxPixels = None,
    evaluate: Annotated[
        bool,
        typer.Option(
            "--evaluate", help="Only measure how good the models are, on 500 unseen scenes."
        ),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Run every probe on two small models and drawn scenes, without network or TensorFlow."""
    from vitonnx.cli._demo_evaluate import run as measure
    from vitonnx.cli._demo_run import DemoCall, run

    if evaluate:
        if image or video:
            raise UsageError("--evaluate draws its own scenes: omit --image and --video.")
        measure(output, quiet=quiet)
    else:
        own = DemoCall(folder=output, images=tuple(image or ()), video=video, max_pixels=max_pixels)
        run(own, context.find_root().command, quiet=quiet)
