"""``vitonnx probe rollout``: attention followed through all blocks."""

from __future__ import annotations

from typing import Annotated, cast

import typer

from vitonnx.cli._options import (
    Compare,
    Device,
    Explain,
    MaxPixels,
    Model,
    Output,
    Pictures,
    Precision,
    Quiet,
    Size,
    Threads,
    parse_size,
)

EXAMPLE = "Example: vitonnx probe rollout dino.onnx bird.png --discard 0.9 -o rollout.npz"


def rollout(
    model: Model,
    pictures: Pictures,
    fusion: Annotated[
        str, typer.Option("--fusion", metavar="mean|max|min", help="Over the heads of a block.")
    ] = "mean",
    discard: Annotated[
        float, typer.Option("--discard", help="Share of the smallest attention set to zero.")
    ] = 0.0,
    compare: Compare = None,
    size: Size = None,
    max_pixels: MaxPixels = None,
    output: Output = None,
    device: Device = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    explain: Explain = False,
    quiet: Quiet = False,
) -> None:
    """Draw where the output looks through all blocks."""
    from vitonnx.cli._probe import PictureProbe, run
    from vitonnx.cli._runtime import Runtime
    from vitonnx.probes import Fusion, Rollout

    # Rollout refuses any other word itself, with the list of those there are.
    probe = Rollout(fusion=cast("Fusion", fusion), discard=discard)
    run(
        PictureProbe(
            probe,
            (model, *(compare or [])),
            tuple(pictures),
            parse_size(size),
            max_pixels,
            output,
            Runtime(device, threads, precision),
            explain,
        ),
        quiet=quiet,
    )
