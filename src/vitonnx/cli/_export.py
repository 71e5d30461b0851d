"""``vitonnx export``: from a checkpoint to a verified, probe-ready file."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from vitonnx.cli._console import Stage, give, inform, results
from vitonnx.cli._options import MaxPixels, Quiet, Size, parse_size
from vitonnx.cli._precision import (
    Calibrate,
    Compared,
    Force,
    Precision,
    fidelity_shown,
    find_calibration,
    find_compared,
    print_fidelity,
)

EXAMPLE = (
    "Example: vitonnx export vit_small_patch16_224.dino --weights model.safetensors -o dino.onnx"
)


def export(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Model name or alias, as listed by `vitonnx models`."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="ONNX file to write. (default: NAME.onnx)")
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            "--weights",
            metavar="FILE|random",
            help="Load the weights from this checkpoint file (repeat for several), or draw them "
            "at random. By default, the published checkpoint is downloaded.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Seed for random weights. (default: 0)")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="Export a model that isn't in the registry, as described by a config.json of "
            "timm, Hugging Face or vitonnx.",
        ),
    ] = None,
    size: Size = None,
    max_pixels: MaxPixels = None,
    precision: Precision = "fp32",
    calibrate: Calibrate = None,
    pictures: Compared = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Port a checkpoint, export it to ONNX and verify the file against TensorFlow."""
    from vitonnx import export_model

    with Stage(f"Exporting {name or 'a model'}", quiet=quiet) as show, fidelity_shown(quiet=quiet):
        exported = export_model(
            name,
            output,
            weights=weights,
            seed=seed,
            config=config,
            size=parse_size(size),
            precision=precision,
            calibrate=find_calibration(calibrate, precision, quiet=quiet),
            pictures=find_compared(pictures, quiet=quiet),
            force=force,
            max_pixels=max_pixels,
            notice=partial(inform, quiet=quiet),
            progress=show,
        )
    if not quiet:
        _print_parity(exported.parity, exported.manifest.blocks)
        if exported.fidelity is not None:
            print_fidelity(exported.fidelity, precision)
    give(exported.file)


def _print_parity(parity: dict[str, float], blocks: int) -> None:
    """Print the largest errors, one row per block, then those of the outputs."""
    from vitonnx.cli._console import Table

    table = Table(title="TensorFlow against onnxruntime: largest errors", title_justify="left")
    for heading in ("block", "attention, absolute", "tokens, relative"):
        table.add_column(heading, justify="right")
    for block in range(blocks):
        prefix = f"block_{block:02d}"
        table.row(
            str(block), *(f"{parity[f'{prefix}/{kind}']:.1e}" for kind in ("attention", "tokens"))
        )
    results().print(table)
    for name in ("embedding", "logits"):
        if name in parity:
            give(f"{name}, relative: {parity[name]:.1e}")
