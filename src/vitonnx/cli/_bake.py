"""``vitonnx bake``: compile probes into the graph, for any runtime."""

from __future__ import annotations

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
    find_calibration,
    reduce,
    state_fidelity,
)
from vitonnx.errors import UsageError

if TYPE_CHECKING:
    from vitonnx.engine import Plan
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
    from vitonnx.engine import bake as bake_file
    from vitonnx.media import check_writable, temporary_folder
    from vitonnx.modelfile import load_manifest
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
    file, sides = resolve_model(model, quiet=quiet), parse_size(size)
    calibration, fidelity = find_calibration(calibrate, precision, quiet=quiet), None
    check_writable(output, [*files_of([file]), *(calibration or [])])
    with temporary_folder() as folder:
        source = file
        if calibration is not None:
            source = folder / "int8.onnx"
            reduce(
                file, source, precision, calibration, size=sides, quiet=quiet, max_pixels=max_pixels
            )
        if precision != "fp32" and load_manifest(file).precision == "fp32":
            engines = (
                Engine(file, size=sides, precision="fp32", max_pixels=max_pixels),
                Engine(source, size=sides, precision=precision, max_pixels=max_pixels),
            )
            fidelity = state_fidelity(*engines, pictures, force=force, quiet=quiet)
        with stage(f"Baking {file.name}", quiet=quiet):
            plan = bake_file(
                source,
                output,
                probes,
                size=sides,
                precision=precision,
                fused=fused,
                logits=logits,
                fidelity=fidelity,
            )
    if not quiet:
        _print_outputs(output, plan)
    give(output)
    if plan.located:
        inform(
            "the file has a second input, queries, int64 (batch,): for each picture, the index of "
            "the patch's token, counted from the first prefix token.",
            quiet=quiet,
        )


def _print_outputs(file: Path, plan: Plan) -> None:
    from vitonnx.cli._table import Table
    from vitonnx.modelfile import load_outline

    outputs = load_outline(file).outputs
    table = Table(title="Outputs of the file", title_justify="left")
    for heading in ("name", "type", "shape"):
        table.add_column(heading)
    for name in plan.names:
        sides = ", ".join("batch" if side is None else str(side) for side in outputs[name].shape)
        table.row(name, "float64" if name == "distance" else "float32", f"({sides})")
    results().print(table)
