"""``vitonnx demo --evaluate``: measure how good the models inside the package are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vitonnx.cli._console import Gauge, give, results
from vitonnx.cli._demo_folder import open_folder

if TYPE_CHECKING:
    from vitonnx.demo import Evaluation

__all__ = ["run", "show"]

FILE = "evaluation.json"


def run(folder: Path, *, quiet: bool) -> None:
    """Measure, print a table, and write ``evaluation.json``."""
    from vitonnx.demo import evaluate

    open_folder(folder)
    with Gauge("Measuring", quiet=quiet) as progress:
        evaluation = evaluate(progress=progress)
    evaluation.save(folder / FILE)
    show(evaluation)
    give(folder / FILE)


def show(evaluation: Evaluation) -> None:
    """Print the measures, in per cent."""
    from vitonnx.cli._table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("in per cent")
    for heading in ("measured", "95 % interval", "goal", "required", "met"):
        table.add_column(heading, justify="right")
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


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"
