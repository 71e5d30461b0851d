"""Options for a precision, and a table of what it costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vitonnx.cli._console import inform, results
from vitonnx.errors import PrecisionError

if TYPE_CHECKING:
    from vitonnx.dataset import Dataset
    from vitonnx.engine import Fidelity

__all__ = [
    "Calibrate",
    "Compared",
    "Force",
    "Precision",
    "fidelity_shown",
    "find_calibration",
    "find_compared",
    "print_fidelity",
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
        help="Compare the reduced precision with fp32 on these pictures: files, folders, globs, "
        "lists, tars or parquet (repeat for several). By default, on synthetic scenes.",
    ),
]
Calibrate = Annotated[
    list[str] | None,
    typer.Option(
        "--calibrate",
        metavar="INPUT",
        help="int8: fix the scales on these pictures: files, folders, globs, lists, tars or "
        "parquet (repeat for several). By default, each picture is scaled on its own.",
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="Write the file even if the precision changes the maps.")
]


def find_calibration(words: Sequence[str] | None, precision: str, *, quiet: bool) -> Dataset | None:
    """Check that a precision can be used, and find the pictures to calibrate on, if any."""
    from vitonnx.engine import check_reduction

    check_reduction(precision, words)
    return find_compared(words, quiet=quiet)


def find_compared(words: Sequence[str] | None, *, quiet: bool) -> Dataset | None:
    """Find the pictures that are named, if any are."""
    from vitonnx.dataset import open_dataset

    return open_dataset(words, notice=partial(inform, quiet=quiet)).fetched() if words else None


@contextmanager
def fidelity_shown(*, quiet: bool) -> Iterator[None]:
    """Print what was measured if the precision is refused."""
    try:
        yield
    except PrecisionError as error:
        if not quiet:
            print_fidelity(error.fidelity, error.precision)
        raise


def print_fidelity(fidelity: Fidelity, precision: str) -> None:
    """Print what a precision costs."""
    from vitonnx.cli._console import Table

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
