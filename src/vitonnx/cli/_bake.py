"""``vitonnx bake``: probes compiled into the graph, as a file for any runtime."""

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
            help="What the file shall give (several: once each).",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="File to write.")],
    block: Annotated[
        int, typer.Option("--block", help="Of heads: 0 is the first, -1 the last.")
    ] = -1,
    query: Annotated[
        str | None,
        typer.Option(
            "--query",
            metavar="TOKEN|patch",
            help="Of heads: a prefix token, mean, or patch: an input of the file then says which.",
        ),
    ] = None,
    fusion: Annotated[
        str, typer.Option("--fusion", metavar="mean|max|min", help="Of rollout: over the heads.")
    ] = "mean",
    discard: Annotated[
        float, typer.Option("--discard", help="Of rollout: share of attention set to zero.")
    ] = 0.0,
    renormalize: Annotated[
        bool, typer.Option("--renormalize", help="Of distance: rescale what goes to the patches.")
    ] = False,
    logits: Annotated[
        bool, typer.Option("--logits", help="Give the classes' scores, too.")
    ] = False,
    size: Size = None,
    max_pixels: MaxPixels = None,
    precision: Precision = "fp32",
    calibrate: Calibrate = None,
    fused: Annotated[
        bool, typer.Option("--fused", help="Allow onnxruntime's own operators; faster on a GPU.")
    ] = False,
    pictures: Compared = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Compile probes into the graph: one file, their results as its outputs."""
    from vitonnx.cli._resolve import resolve_model
    from vitonnx.engine import Engine
    from vitonnx.engine import bake as bake_file
    from vitonnx.media import check_writable, temporary_folder
    from vitonnx.modelfile import load_manifest
    from vitonnx.probes import Distance, Heads, Rollout

    if len(set(probe)) < len(probe):
        raise UsageError("--probe names each kind of probe once.")
    if isinstance(parse_query(query), tuple):
        raise UsageError(
            f"--query {query}: a pixel lies in another patch of every picture. Say patch, and the "
            "file has an input for it."
        )
    makers: dict[str, Any] = {
        "heads": lambda: Heads(block=block, query=(0, 0) if query == "patch" else query),
        "rollout": lambda: Rollout(fusion=cast("Fusion", fusion), discard=discard),
        "distance": lambda: Distance(renormalize=renormalize),
    }
    for name in probe:
        if name not in makers:
            raise UsageError(f"there is no probe {name!r} to bake; there are {', '.join(makers)}.")
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
            "the file has a second input, queries: int64 (batch,), the token of each picture's "
            "patch, counted from the first prefix token.",
            quiet=quiet,
        )


def _print_outputs(file: Path, plan: Plan) -> None:
    from vitonnx.cli._table import Table
    from vitonnx.modelfile import load_outline

    outputs = load_outline(file).outputs
    table = Table(title="What the file gives", title_justify="left")
    for heading in ("name", "type", "shape"):
        table.add_column(heading)
    for name in plan.names:
        sides = ", ".join("batch" if side is None else str(side) for side in outputs[name].shape)
        table.row(name, "float64" if name == "distance" else "float32", f"({sides})")
    results().print(table)
