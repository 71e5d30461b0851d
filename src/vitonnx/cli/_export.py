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
    name: Annotated[str | None, typer.Argument(help="A name or alias of `vitonnx models`.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; NAME.onnx by default.")
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            "--weights",
            metavar="FILE|random",
            help="Checkpoint file (several: once each), or random. Fetched if left out.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Of random weights; 0 by default.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            help="A model outside the registry: timm's or Hugging Face's config.json, or our own.",
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
    """Port a checkpoint, export it to ONNX, and verify the file against TensorFlow."""
    from vitonnx.demo import demo_models
    from vitonnx.engine import Engine, state_cost
    from vitonnx.extras import require_export
    from vitonnx.media import check_writable, temporary_folder
    from vitonnx.models import find_model, fit_readout, read_config_file
    from vitonnx.names import is_hub_id

    if config is not None:
        if not weights:
            raise UsageError("--config needs --weights: a checkpoint of that model, or random.")
        spec = read_config_file(config)
        if name is not None:
            spec = _renamed(spec, name)
    elif name in demo_models():
        raise UsageError(
            f"{name} comes with vitonnx as a finished file, {demo_models()[name]}: give its name "
            "to any command that takes a MODEL."
        )
    elif name is not None and is_hub_id(name):
        raise UsageError(
            f"{name} needs no export: give it to any command that takes a MODEL, which fetches it "
            "and makes it probe-ready once, or to `vitonnx tap`."
        )
    elif name is not None:
        spec = find_model(name)
    else:
        raise UsageError("Say which model: a name of `vitonnx models`, or --config FILE.json.")
    target = output or Path(f"{name or spec.name}.onnx")
    read = [*(weights or ()), *([] if config is None else [config])]
    check_writable(target, [word for word in read if word != RANDOM])
    calibration = find_calibration(calibrate, precision, quiet=quiet)
    check_writable(target, calibration or ())
    require_export()
    what = _weights(weights, seed), parse_size(size)
    if config is None and isinstance(what[0], list):
        # The registry knows the published heads; a checkpoint may have another, or none. What a
        # config says is the user's own word: there the checkpoint must have what it says.
        spec = fit_readout(spec, list(map(Path, what[0])), tell=partial(inform, quiet=quiet))
    if precision == "fp32":
        _export(spec, target, *what, quiet=quiet)
    else:
        # Verified in single precision first: only then is it known what fewer bits cost.
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
            raise UsageError("--weights random goes alone: a model is random or it isn't.")
        return seed or 0
    if seed is not None:
        raise UsageError("--seed is that of random weights: say --weights random, or leave it out.")
    return words or None


def _renamed(spec: ModelSpec, name: str) -> ModelSpec:
    from dataclasses import replace

    return replace(spec, name=name)


def _print_parity(parity: Parity, blocks: int) -> None:
    """Print the largest errors: a row a block, then the outputs."""
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
