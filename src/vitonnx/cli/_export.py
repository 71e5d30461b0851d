"""``vitonnx export``: from a checkpoint to a verified, probe-ready file."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitonnx.cli._console import give, inform, results, stage
from vitonnx.cli._options import MaxPixels, Quiet, Size, parse_size
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
    from vitonnx.export import Parity
    from vitonnx.models import ModelSpec

EXAMPLE = (
    "Example: vitonnx export vit_small_patch16_224.dino --weights model.safetensors -o dino.onnx"
)
RANDOM = "random"


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
    from vitonnx.demo import demo_models
    from vitonnx.engine import Engine, state_cost
    from vitonnx.extras import require_export
    from vitonnx.media import check_writable, temporary_folder
    from vitonnx.models import find_model, fit_readout, read_config_file
    from vitonnx.names import is_hub_id

    if config is not None:
        if not weights:
            raise UsageError(
                "--config needs --weights: give a checkpoint of that model, or random."
            )
        spec = read_config_file(config)
        if name is not None:
            spec = _renamed(spec, name)
    elif name in demo_models():
        raise UsageError(
            f"{name} comes with vitonnx as a finished file, {demo_models()[name]}: pass its name "
            "to any command that takes a MODEL."
        )
    elif name is not None and is_hub_id(name):
        raise UsageError(
            f"{name} needs no export: pass it to `vitonnx tap`, or to any command that takes a "
            "MODEL, which downloads it and makes it probe-ready once."
        )
    elif name is not None:
        spec = find_model(name)
    else:
        raise UsageError("no model given: pass a name from `vitonnx models`, or --config FILE.")
    target = output or Path(f"{name or spec.name}.onnx")
    read = [*(weights or ()), *([] if config is None else [config])]
    check_writable(target, [word for word in read if word != RANDOM])
    calibration = find_calibration(calibrate, precision, quiet=quiet)
    check_writable(target, calibration or ())
    require_export()
    what = _weights(weights, seed), parse_size(size)
    if config is None and isinstance(what[0], list):
        # The registry describes the published heads; a checkpoint may have another head, or none.
        # A config comes from the user: the checkpoint must match it.
        spec = fit_readout(spec, list(map(Path, what[0])), tell=partial(inform, quiet=quiet))
    if precision == "fp32":
        _export(spec, target, *what, quiet=quiet)
    else:
        # Verify in single precision first: the cost of fewer bits is measured against that.
        with temporary_folder() as folder:
            exact, reduced = (folder / f"{name}.onnx" for name in ("fp32", precision))
            _export(spec, exact, *what, quiet=quiet)
            reduce(exact, reduced, precision, calibration, quiet=quiet, max_pixels=max_pixels)
            engines = (
                Engine(exact, precision="fp32", max_pixels=max_pixels),
                Engine(reduced, max_pixels=max_pixels),
            )
            fidelity = state_fidelity(*engines, pictures, force=force, quiet=quiet)
            state_cost(reduced, target, fidelity)
    give(target)
    if weights == [RANDOM]:
        inform(f"the weights are random (seed {seed or 0}): the model is untrained.", quiet=quiet)


def _export(
    spec: ModelSpec,
    target: Path,
    weights: list[str] | int | None,
    size: tuple[int, int] | None,
    *,
    quiet: bool,
) -> None:
    with stage(f"Exporting {spec.name}", quiet=quiet) as show:
        from vitonnx.export import export_model

        tell = partial(inform, quiet=quiet)
        parity = export_model(spec, target, weights=weights, size=size, progress=show, tell=tell)[1]
    if not quiet:
        _print_parity(parity, spec.config.blocks)


def _weights(words: list[str] | None, seed: int | None) -> list[str] | int | None:
    if words and RANDOM in words:
        if len(words) > 1:
            raise UsageError("--weights random can't be combined with checkpoint files.")
        return seed or 0
    if seed is not None:
        raise UsageError(
            "--seed applies to random weights only: add --weights random, or omit --seed."
        )
    return words or None


def _renamed(spec: ModelSpec, name: str) -> ModelSpec:
    from dataclasses import replace

    return replace(spec, name=name)


def _print_parity(parity: Parity, blocks: int) -> None:
    """Print the largest errors, one row per block, then those of the outputs."""
    from vitonnx.cli._table import Table

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
