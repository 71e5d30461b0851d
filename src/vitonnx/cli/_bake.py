"""``vitonnx bake``: compile probes into the graph, for any runtime."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from vitonnx.cli._console import give, inform, results, stage
from vitonnx.cli._options import MaxPixels, Model, Quiet, Size, parse_query, parse_size
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
from vitonnx.errors import UsageError

if TYPE_CHECKING:
    from vitonnx.engine import Baked
    from vitonnx.probes import Fusion, Probe

EXAMPLE = "Example: vitonnx bake dino.onnx --probe heads --probe rollout -o dino.baked.onnx"


def bake(
    model: Model,
    probe: Annotated[
        list[str],
        typer.Option(
            "--probe",
            metavar="heads|rollout|distance",
            help="Compile this probe into the file (repeat for several).",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="ONNX file to write.")
    ],
    block: Annotated[
        int, typer.Option("--block", help="heads: block to show; 0 is the first, -1 the last.")
    ] = -1,
    query: Annotated[
        str | None,
        typer.Option(
            "--query",
            metavar="TOKEN|patch",
            help="heads: show the attention of this token: a prefix token, mean (over the patches) "
            "or patch (set through a second input of the file). (default: cls, or else mean)",
        ),
    ] = None,
    fusion: Annotated[
        str,
        typer.Option(
            "--fusion", metavar="mean|max|min", help="rollout: fuse the heads by this function."
        ),
    ] = "mean",
    discard: Annotated[
        float,
        typer.Option(
            "--discard", help="rollout: set this share of the lowest attention weights to zero."
        ),
    ] = 0.0,
    renormalize: Annotated[
        bool,
        typer.Option(
            "--renormalize", help="distance: rescale the attention among patches to sum to 1."
        ),
    ] = False,
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
    from vitonnx.cli._resolve import resolve_model
    from vitonnx.engine import Engine
    from vitonnx.engine import bake as bake_probes
    from vitonnx.media import check_writable
    from vitonnx.probes import Distance, Heads, Rollout

    if len(set(probe)) < len(probe):
        raise UsageError("--probe names the same probe twice: give each probe once.")
    if isinstance(parse_query(query), tuple):
        raise UsageError(
            f"--query {query}: a pixel falls into a different patch in each picture. Use --query "
            "patch: the file then has an input for the patch."
        )
    makers: dict[str, Any] = {
        "heads": lambda: Heads(block=block, query=(0, 0) if query == "patch" else query),
        "rollout": lambda: Rollout(fusion=cast("Fusion", fusion), discard=discard),
        "distance": lambda: Distance(renormalize=renormalize),
    }
    for name in probe:
        if name not in makers:
            raise UsageError(f"can't bake {name!r}: use {', '.join(makers)}.")
    probes: list[Probe[Any]] = [makers[name]() for name in probe]
    check_writable(output, files_of([model]))
    calibration = find_calibration(calibrate, precision, quiet=quiet)
    file = resolve_model(model, quiet=quiet)
    engine = Engine(file, size=parse_size(size), max_pixels=max_pixels)
    with stage(f"Baking {file.name}", quiet=quiet) as show, fidelity_shown(quiet=quiet):
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
    if "queries" in baked.inputs:
        inform(
            "the file has a second input, queries, int64 (batch,): for each picture, the index of "
            "the patch's token, counted from the first prefix token.",
            quiet=quiet,
        )


def _print_outputs(baked: Baked) -> None:
    from vitonnx.cli._table import Table

    table = Table(title="Outputs of the file", title_justify="left")
    for heading in ("name", "type", "shape"):
        table.add_column(heading)
    for name, (kind, shape) in baked.outputs.items():
        sides = ", ".join("batch" if side is None else str(side) for side in shape)
        table.row(name, kind, f"({sides})")
    results().print(table)
