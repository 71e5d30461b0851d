"""``vitonnx demo --evaluate``: measure how good the models inside the package are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vitonnx.cli._console import Gauge, Table, give, results
from vitonnx.cli._faithfulness_table import print_measures
from vitonnx.errors import UsageError, VitonnxError
from vitonnx.media import check_place

if TYPE_CHECKING:
    from vitonnx.demo import Evaluation

__all__ = ["measure", "open_folder", "show"]

FILE = "evaluation.json"


def measure(folder: Path, *, quiet: bool) -> None:
    """Measure, print a table, and write ``evaluation.json``."""
    from vitonnx.demo import evaluate, evaluate_maps

    open_folder(folder)
    with Gauge("Measuring models", quiet=quiet) as progress:
        evaluation = evaluate(progress=progress)
    with Gauge("Measuring maps", quiet=quiet) as progress:
        evaluation = replace(evaluation, maps=evaluate_maps(progress=progress))
    evaluation.save(folder / FILE)
    show(evaluation)
    give(folder / FILE)


def show(evaluation: Evaluation) -> None:
    """Print the measures of the models and of maps, in per cent."""
    table = _table("in per cent", "measured", "95 % interval", "goal", "required", "met")
    for measure in evaluation.measures:
        table.row(
            measure.name,
            _percent(measure.value),
            f"{_percent(measure.low)} to {_percent(measure.high)}",
            _percent(measure.goal),
            _percent(measure.required),
            {True: "yes", False: "no", None: ""}[measure.met],
        )
    results().print(table)
    give(
        "", "How well attention outlines things, by its overlap with the thing of the scene, and as"
    )
    give("a control with the things of other scenes; in per cent, with the interval of the gain:")
    _show_outlines(evaluation)
    if evaluation.maps:
        give("", "How faithful maps are to the supervised model, in per cent, with the interval:")
        print_measures(evaluation.maps)


def _show_outlines(evaluation: Evaluation) -> None:
    table = _table("model", "block", "saliency", "control", "gain", "95 % interval")
    for each in evaluation.outlines:
        table.row(
            each.model,
            str(each.block),
            *(_percent(found.value) for found in (each.saliency, each.control, each.gain)),
            f"{_percent(each.gain.low)} to {_percent(each.gain.high)}",
        )
    results().print(table)


def _table(of: str, *numbers: str) -> Table:
    """Begin a table: a column of names, and columns of numbers."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(of)
    for heading in numbers:
        table.add_column(heading, justify="right")
    return table


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"


def open_folder(folder: Path) -> None:
    """Make a folder if it doesn't exist, and check that it can be written to.

    Raises
    ------
    UsageError
        If a file is in its way.
    VitonnxError
        If the system refuses to make it, or to write to it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UsageError(
            f"can't make the folder {folder}: a file is in its way. Give another one with -o."
        ) from error
    except OSError as error:
        raise VitonnxError(
            f"can't make the folder {folder}: {error.strerror}. Give another one with -o."
        ) from error
    check_place(folder)
