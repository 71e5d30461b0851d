"""``vitonnx probe filters``: what the patch embedding looks for in a patch."""

from __future__ import annotations

from typing import Annotated

import typer

from vitonnx.cli._options import Compare, FigureOrArrays, Model, Quiet

EXAMPLE = "Example: vitonnx probe filters dino.onnx --components 28 -o filters.pdf"


def filters(
    model: Model,
    components: Annotated[
        int | None,
        typer.Option(
            "--components",
            metavar="N",
            help="Also the first N principal components of all filters, such as 28.",
        ),
    ] = None,
    count: Annotated[
        int, typer.Option("--count", metavar="N", help="How many filters: the first ones.")
    ] = 128,
    compare: Compare = None,
    output: FigureOrArrays = None,
    quiet: Quiet = False,
) -> None:
    """Draw the filters of the patch embedding. Reads weights only: no picture, no inference."""
    from vitonnx.cli._weights import WeightProbeCall, run
    from vitonnx.probes import Filters

    probe = Filters(count=count, components=components)
    run(WeightProbeCall(probe, (model, *(compare or [])), output), quiet=quiet)
