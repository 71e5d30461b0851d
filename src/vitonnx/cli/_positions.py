"""``vitonnx probe positions``: how alike the position embeddings of the patches are."""

from __future__ import annotations

from typing import Annotated, cast

import typer

from vitonnx.cli._options import Compare, FigureOrArrays, Model, Quiet

EXAMPLE = "Example: vitonnx probe positions dino.onnx --metric cosine -o positions.pdf"


def positions(
    model: Model,
    metric: Annotated[
        str,
        typer.Option(
            "--metric", metavar="cosine|dot", help="Cosine of the angle, or the dot product."
        ),
    ] = "cosine",
    compare: Compare = None,
    output: FigureOrArrays = None,
    quiet: Quiet = False,
) -> None:
    """Draw how alike position embeddings are. Reads weights only: no picture, no inference."""
    from vitonnx.cli._weights import WeightProbeCall, run
    from vitonnx.probes import Metric, Positions

    # Positions refuses any other word itself, with the list of those there are.
    probe = Positions(metric=cast("Metric", metric))
    run(WeightProbeCall(probe, (model, *(compare or [])), output), quiet=quiet)
