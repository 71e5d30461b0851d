"""Tables of how often a model is right, with intervals, and what was published beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from vitonnx.cli._console import Table, give, results
from vitonnx.cli._truth import publication

if TYPE_CHECKING:
    from vitonnx.evaluate import AccuracyResult, Estimate, KnnResult

__all__ = ["print_accuracy", "print_knn"]


def print_accuracy(found: AccuracyResult) -> None:
    """Print a row a precision."""
    give(
        f"{found.model}: accuracy on {found.pictures} pictures, in per cent, with the 95 % interval"
    )
    columns: dict[str, list[Estimate | None]] = {
        "top-1": [each.top1 for each in found.precisions.values()],
        "top-5": [each.top5 for each in found.precisions.values()],
        "as the first": [each.agreement for each in found.precisions.values()],
    }
    _print("precision", list(found.precisions), columns)
    give(*publication(found.published))


def print_knn(found: KnnResult) -> None:
    """Print a row a number of neighbours."""
    give(
        f"{found.model}: {found.known} pictures vote about {found.pictures}; right votes in per "
        "cent, with the 95 % interval"
    )
    votes = found.votes.values()
    columns = {"top-1": [each.top1 for each in votes], "top-5": [each.top5 for each in votes]}
    _print("neighbours", [str(count) for count in found.votes], columns)
    give(*publication(found.published))


def _print(of: str, names: Sequence[str], columns: Mapping[str, Sequence[Estimate | None]]) -> None:
    """Print a table without the columns that nothing is in."""
    shown = {name: cells for name, cells in columns.items() if any(cells)}
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(of)
    for heading in shown:
        table.add_column(heading, justify="right")
        table.add_column("")
    for row, name in enumerate(names):
        table.row(name, *(text for cells in shown.values() for text in _per_cent(cells[row])))
    results().print(table)


def _per_cent(estimate: Estimate | None) -> tuple[str, str]:
    if estimate is None:
        return "", ""
    value, low, high = (
        f"{100 * number:.2f}" for number in (estimate.value, estimate.low, estimate.high)
    )
    return value, f"{low} to {high}"
