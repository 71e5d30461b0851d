"""``vitonnx probe heads``: attention of one query token, head by head."""

from __future__ import annotations

from typing import Annotated

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
    parse_query,
    parse_size,
)

EXAMPLE = "Example: vitonnx probe heads dino.onnx bird.png --mass 0.6 -o heads.png"


def heads(
    model: Model,
    pictures: Pictures,
    block: Annotated[int, typer.Option("--block", help="0 is the first, -1 the last.")] = -1,
    query: Annotated[
        str | None,
        typer.Option(
            "--query",
            metavar="TOKEN|mean|Y,X",
            help="Who looks: a token that is no patch (cls, dist, reg0), the mean over the patches "
            "or the patch at a pixel of the picture. By default cls, or mean where there is no "
            "cls.",
        ),
    ] = None,
    mass: Annotated[
        float | None,
        typer.Option("--mass", help="Also mark the fewest patches that hold this share."),
    ] = None,
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
    """Draw where each head of a block looks."""
    from vitonnx.cli._probe import PictureProbe, run
    from vitonnx.cli._runtime import Runtime
    from vitonnx.probes import Heads

    probe = Heads(block=block, query=parse_query(query), mass=mass)
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
