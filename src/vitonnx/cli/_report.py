"""``vitonnx report``: everything in one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vitonnx.cli._options import (
    Compare,
    Device,
    FitFrames,
    MaxPixels,
    Model,
    Pictures,
    Precision,
    Quiet,
    Size,
    Threads,
    parse_fit,
    parse_size,
)

# First what a model makes of one picture, then of many, and then what its weights tell.
SHOWN = (
    *("heads", "pca", "similarity", "attribution", "lens", "rollout", "norms"),
    *("distance", "entropy", "cka"),
    *("filters:components=28", "positions"),
)

EXAMPLE = "Example: vitonnx report deit.onnx holiday/ --compare dino.onnx -o report.html"


def report(
    model: Model,
    pictures: Pictures,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.html",
            help="Report to write. By default, MODEL.report.html in the current folder.",
        ),
    ] = None,
    probe: Annotated[
        list[str] | None,
        typer.Option(
            "--probe",
            metavar="NAME[:OPTION=VALUE,...]",
            help="Ask this probe (repeat for several, in the order of the report). By default, "
            f"{', '.join(SHOWN)}.",
        ),
    ] = None,
    compare: Compare = None,
    video: Annotated[
        Path | None,
        typer.Option("--video", metavar="FILE", help="Also draw this video."),
    ] = None,
    fit: FitFrames = None,
    show: Annotated[
        int,
        typer.Option(
            "--show",
            metavar="N",
            min=0,
            help="Show this many pictures one by one; tables average over all of them.",
        ),
    ] = 8,
    size: Size = None,
    max_pixels: MaxPixels = None,
    device: Device = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    quiet: Quiet = False,
) -> None:
    """Write one self-contained HTML file: what all probes find in pictures, weights and a video."""
    from vitonnx.cli._engines import Runtime
    from vitonnx.cli._probe_options import make_probes
    from vitonnx.cli._report_page import ReportCall, run

    run(
        ReportCall(
            models=(model, *(compare or [])),
            probes=tuple(make_probes(probe or SHOWN, {})),
            chosen=bool(probe),
            inputs=tuple(pictures),
            output=output,
            video=video,
            fit=parse_fit(fit),
            show=show,
            size=parse_size(size),
            max_pixels=max_pixels,
            runtime=Runtime(device, threads, precision),
        ),
        quiet=quiet,
    )
