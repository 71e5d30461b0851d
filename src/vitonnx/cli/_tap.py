"""``vitonnx tap``: make a Vision Transformer exported by another tool probe-ready."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitonnx.cli._console import Stage, give, inform, results
from vitonnx.cli._options import Quiet, parse_size

if TYPE_CHECKING:
    from vitonnx.tap import Tapped

EXAMPLE = "Example: vitonnx tap model.onnx --preprocess imagenet -o probe-ready.onnx"


def tap(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="ONNX file, folder of a TensorFlow SavedModel, or hf://ORG/REPO on the Hugging "
            "Face Hub.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="ONNX file to write.")
    ],
    preprocess: Annotated[
        str | None,
        typer.Option(
            "--preprocess",
            metavar="imagenet|half|MEAN,STD|timm:NAME|hf:FILE|hf://ORG/REPO[,pad...]",
            help="Turn pictures into input this way. By default, read it from "
            "preprocessor_config.json or config.json beside the model. Append ,pad to keep the "
            "whole picture and pad it in the mean colour, ,pad=114 or ,pad=#727272 to pad in "
            "another colour, ,end to pad at the right and the bottom, ,squash to keep the whole "
            "picture and stretch it, ,bgr for a network that takes blue first.",
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            "--size",
            metavar="N|HxW",
            help="Input size in pixels. By default, that of the model or of its config.",
        ),
    ] = None,
    prefix: Annotated[
        str | None,
        typer.Option(
            "--prefix",
            metavar="NAME,...",
            help="Names of the tokens that precede the patches, such as cls,dist. By default, "
            "derived from the graph.",
        ),
    ] = None,
    interpolation: Annotated[
        str | None,
        typer.Option(
            "--interpolation",
            metavar="timm|dino|huggingface|jax",
            help="Resize position embeddings the way this library does. Needed only where neither "
            "the graph nor its config tells.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", help="Name of the model. By default, that of its file or folder."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Make a Vision Transformer exported by any tool probe-ready."""
    from vitonnx import tap_model

    with Stage(f"Tapping {Path(model).name}", quiet=quiet) as show:
        tapped = tap_model(
            model,
            output,
            preprocess=preprocess,
            size=parse_size(size),
            prefix=prefix,
            interpolation=interpolation,
            name=name,
            notice=partial(inform, quiet=quiet),
            progress=show,
        )
    if not quiet:
        _print_findings(tapped)
    give(output)


def _print_findings(tapped: Tapped) -> None:
    """Print the parts found, then the parity of each block with the original."""
    from vitonnx.cli._console import Table

    console, parity = results(), tapped.parity
    parts = Table(show_header=False, box=None, pad_edge=False)
    for part, words in tapped.findings:
        parts.row(part, words)
    console.print(parts)
    table = Table(title="Attention, checked by running the model", title_justify="left")
    for heading in ("block", "softmax", "rows from 1", "times values"):
        table.add_column(heading, justify="left" if heading == "softmax" else "right")
    checked = zip(tapped.blocks, parity.rows, parity.products, strict=True)
    for block, (name, rows, product) in enumerate(checked):
        table.row(str(block), name, f"{rows:.0e}", f"{product:.0e}")
    console.print(table)
    give(f"outputs, relative difference from the original's: {parity.outputs:.0e}")
