"""``vitonnx bake``: compile probes into the graph, for any runtime."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitonnx.cli._console import Stage, give, inform, results
from vitonnx.cli._options import MaxPixels, Model, Quiet, Size, parse_size
from vitonnx.cli._output import files_of
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
from vitonnx.cli._probe_options import Given, make_probes
from vitonnx.contract import QUERIES, TARGET

if TYPE_CHECKING:
    from vitonnx.engine import Baked

EXAMPLE = "Example: vitonnx bake dino.onnx --probe heads --probe rollout -o dino.baked.onnx"


def bake(
    given: Given,
    model: Model,
    probe: Annotated[
        list[str],
        typer.Option(
            "--probe",
            metavar="NAME[:OPTION=VALUE,...]",
            help="Compile this probe into the file (repeat for several). Options behind its name "
            "are its own, as in heads:block=3.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="ONNX file to write.")
    ],
    logits: Annotated[bool, typer.Option("--logits", help="Also output the class scores.")] = False,
    size: Size = None,
    max_pixels: MaxPixels = None,
    precision: Precision = "fp32",
    calibrate: Calibrate = None,
    fused: Annotated[
        bool,
        typer.Option(
            "--fused",
            help="Use onnxruntime's own operators: faster on a GPU, but no other runtime can read "
            "the file.",
        ),
    ] = False,
    pictures: Compared = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Compile probes into the graph: one file whose outputs are their results."""
    from vitonnx.cli._engines import resolve_model
    from vitonnx.engine import Engine
    from vitonnx.engine import bake as bake_probes
    from vitonnx.media import check_writable

    probes = make_probes(probe, given)
    check_writable(output, files_of([model]))
    calibration = find_calibration(calibrate, precision, quiet=quiet)
    file = resolve_model(model, quiet=quiet)
    engine = Engine(file, size=parse_size(size), max_pixels=max_pixels)
    with Stage(f"Baking {file.name}", quiet=quiet) as show, fidelity_shown(quiet=quiet):
        baked = bake_probes(
            engine,
            probes,
            output,
            precision=precision,
            calibrate=calibration,
            fused=fused,
            logits=logits,
            pictures=find_compared(pictures, quiet=quiet),
            force=force,
            notice=partial(inform, quiet=quiet),
            progress=show,
        )
    if not quiet:
        if baked.fidelity is not None:
            print_fidelity(baked.fidelity, precision)
        _print_outputs(baked)
    give(output)
    if TARGET in baked.inputs:
        inform(
            "the file has a second input, target, int64 (batch,): for each picture, the number of "
            "the class to ask about, -1 for the likeliest.",
            quiet=quiet,
        )
    if QUERIES in baked.inputs:
        inform(
            "the file has a second input, queries, int64 (batch,): for each picture, the index of "
            "the patch's token, counted from the first prefix token.",
            quiet=quiet,
        )


def _print_outputs(baked: Baked) -> None:
    from vitonnx.cli._console import Table

    table = Table(title="Outputs of the file", title_justify="left")
    for heading in ("name", "type", "shape"):
        table.add_column(heading)
    for name, (kind, shape) in baked.outputs.items():
        sides = ", ".join("batch" if side is None else str(side) for side in shape)
        table.row(name, kind, f"({sides})")
    results().print(table)
