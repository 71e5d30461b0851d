"""Measure and report what a precision costs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from vitonnx.cli._console import inform, results, stage
from vitonnx.errors import UsageError, VitonnxError

if TYPE_CHECKING:
    from vitonnx.engine import Engine, Fidelity

__all__ = [
    "Calibrate",
    "Compared",
    "Force",
    "Precision",
    "find_calibration",
    "reduce",
    "state_fidelity",
]

Precision = Annotated[
    Literal["fp32", "fp16", "bf16", "int8"],
    typer.Option("--precision", help="Precision of the matrix products."),
]
Compared = Annotated[
    list[str] | None,
    typer.Option(
        "--pictures",
        metavar="INPUT",
        help="Compare the reduced precision with fp32 on these pictures, folders or globs (repeat "
        "for several). By default, on synthetic scenes.",
    ),
]
Calibrate = Annotated[
    list[str] | None,
    typer.Option(
        "--calibrate",
        metavar="INPUT",
        help="int8: fix the scales on these pictures, folders or globs (repeat for several). By "
        "default, each picture is scaled on its own.",
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="Write the file even if the precision changes the maps.")
]

SCENES = 16
SCENE_SIDE = 256


def find_calibration(
    words: Sequence[str] | None, precision: str, *, quiet: bool
) -> list[Path] | None:
    """Check that a precision can be used, and find the pictures to calibrate on, if any are named.

    Raises
    ------
    DeviceError
        If nothing on this machine computes in that precision.
    UsageError
        If no pictures are found, or the precision has no scales to fix.
    """
    from vitonnx.media import find_pictures

    if precision == "bf16":
        from vitonnx.engine import require_bf16

        require_bf16()  # without it, the cost can't be measured here
    if not words:
        return None
    if precision != "int8":
        raise UsageError(
            f"--calibrate fixes the scales of int8, but {precision} has none: omit it."
        )
    return find_pictures(words, notice=partial(inform, quiet=quiet))


def reduce(
    file: Path,
    target: Path,
    precision: str,
    calibration: Sequence[Path] | None,
    *,
    size: tuple[int, int] | None = None,
    max_pixels: int | None = None,
    quiet: bool,
) -> None:
    """Write a file in fewer bits, with its scales fixed on pictures if there are any."""
    from vitonnx.engine import reduce_file

    measured = f", calibrated on {len(calibration)} pictures" if calibration else ""
    with stage(f"Writing {precision}{measured}", quiet=quiet):
        reduce_file(
            file, target, precision, size=size, calibration=calibration, max_pixels=max_pixels
        )


def state_fidelity(
    exact: Engine,
    reduced: Engine,
    pictures: Sequence[str] | None,
    *,
    force: bool,
    quiet: bool,
) -> Fidelity:
    """Compare a precision with single precision, and print the result.

    Raises
    ------
    VitonnxError
        If it costs more than the limit, unless forced.
    """
    from vitonnx.engine import RANK_LIMIT, compare_engines

    shown, precision = _pictures(pictures or [], quiet=quiet), reduced.precision
    with stage(f"Comparing {precision} with fp32", quiet=quiet):
        fidelity = compare_engines(exact, reduced, shown)
    if not quiet:
        _print(fidelity, precision)
    if not fidelity.holds():
        inform(
            f"{precision} changes the maps: the rank correlation of heads or rollout is below "
            f"{RANK_LIMIT}."
        )
        if not force:
            raise VitonnxError(
                f"{precision} costs too much on these pictures, so nothing was written. Use "
                "another precision, or --force."
            )
    return fidelity


def _pictures(words: Sequence[str], *, quiet: bool) -> list[Any]:
    """Find the pictures, or draw scenes."""
    if words:
        from vitonnx.media import find_pictures

        return list(find_pictures(words, notice=partial(inform, quiet=quiet)))
    from vitonnx.data.scenes import draw_scene

    return [draw_scene(seed, size=(SCENE_SIDE, SCENE_SIDE)).picture for seed in range(SCENES)]


def _print(fidelity: Fidelity, precision: str) -> None:
    from vitonnx.cli._table import Table

    table = Table(
        title=f"{precision} against fp32, {fidelity.pictures} pictures", title_justify="left"
    )
    table.add_column("measure")
    table.add_column("", justify="right")
    if fidelity.prediction is not None:
        table.row("same prediction", f"{fidelity.prediction:.1%}")
    table.row("heads, rank correlation", f"{fidelity.heads:.4f}")
    table.row("rollout, rank correlation", f"{fidelity.rollout:.4f}")
    table.row("60 % masks, Jaccard", f"{fidelity.masks:.4f}")
    table.row("distance, largest relative error", f"{fidelity.distance:.1e}")
    results().print(table)
