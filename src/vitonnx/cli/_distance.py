"""``vitonnx probe distance``: how far every head looks, over a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vitonnx.cli._options import (
    Compare,
    Device,
    Explain,
    MaxPixels,
    Model,
    Precision,
    Quiet,
    Size,
    Threads,
    parse_size,
)
from vitonnx.errors import UsageError

EXAMPLE = "Example: vitonnx probe distance dino.onnx . --limit 1000 --seed 0 -o distance.pdf"


def distance(
    model: Model,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Pictures, folders of them, globs, and text files that list pictures, one a line "
            "(list.txt, or @FILE). In folders and globs, figures of vitonnx are passed over.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="A figure (.png .pdf .svg) or numbers (.npz .json .csv). Without it, "
            "MODEL.distance.png is written here and a table printed.",
        ),
    ] = None,
    renormalize: Annotated[
        bool,
        typer.Option(
            "--renormalize",
            help="Rescale attention to sum to 1 over the patches; not so in the papers.",
        ),
    ] = False,
    block: Annotated[
        list[int] | None,
        typer.Option(
            "--block",
            help="Of the picture head by head; 0 is the first, -1 the last (several: once each). "
            "The first two and the last two by default.",
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="The most pictures to use: the first ones.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="With --limit: a random sample of that seed.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first bad picture; else it is skipped.")
    ] = False,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume",
            metavar="FILE",
            help="Keep the state of the run in this file, and go on from it if it is there.",
        ),
    ] = None,
    compare: Compare = None,
    size: Size = None,
    max_pixels: MaxPixels = None,
    device: Device = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    explain: Explain = False,
    quiet: Quiet = False,
) -> None:
    """Measure how far every head of every block looks, over any number of pictures."""
    from vitonnx.cli._distance_run import DistanceCall, run
    from vitonnx.cli._runtime import Runtime
    from vitonnx.probes import Distance

    if seed is not None and limit is None:
        raise UsageError("--seed chooses a sample: say how large with --limit.")
    call = DistanceCall(
        probe=Distance(renormalize=renormalize),
        models=(model, *(compare or [])),
        inputs=tuple(inputs),
        output=output,
        blocks=None if block is None else tuple(block),
        limit=limit,
        seed=seed,
        strict=strict,
        resume=resume,
        size=parse_size(size),
        max_pixels=max_pixels,
        runtime=Runtime(device, threads, precision),
        explain=explain,
    )
    run(call, quiet=quiet)
