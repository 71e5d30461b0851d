"""Tables of how faithful maps are, with their intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from vitonnx.cli._console import Table, give, results

if TYPE_CHECKING:
    from vitonnx.evaluate import Estimate, Faithfulness

__all__ = ["print_faithfulness", "print_measures"]


def print_faithfulness(found: Faithfulness) -> None:
    """Print a row a map: areas under curves, scores against masks, and the sanity check."""
    give(
        f"{found.model}: faithfulness on {found.pictures} pictures, in per cent, with the 95 % "
        "interval"
    )
    print_measures(found.measures)
    if found.sanity:
        give("", "rank correlation with the map of the untouched model, weights random up to")
        stages = next(iter(found.sanity.values()))
        by_stage = {
            stage: {name: found.sanity[name][stage] for name in found.sanity} for stage in stages
        }
        _print("stage", {name: name for name in found.sanity}, by_stage, _plain)


def print_measures(measures: Mapping[str, Mapping[str, Estimate]]) -> None:
    """Print a row a map, in per cent: areas under curves, and below them scores against masks."""
    from vitonnx.evaluate import BY_CURVES, BY_MASKS

    first = next(iter(measures.values()))
    for some in (BY_CURVES, BY_MASKS):
        columns = {each.heading: each.name for each in some if each.name in first}
        if columns:
            _print("map", columns, measures, _per_cent)


def _print(
    of: str,
    columns: Mapping[str, str],
    rows: Mapping[str, Mapping[str, Estimate]],
    write: Callable[[Estimate], Sequence[str]],
) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(of)
    for heading in columns:
        table.add_column(heading, justify="right")
        table.add_column("")
    for name, estimates in rows.items():
        cells = [cell for key in columns.values() for cell in write(estimates[key])]
        table.row(name, *cells)
    results().print(table)


def _per_cent(estimate: Estimate) -> tuple[str, str]:
    numbers = (100 * each for each in (estimate.value, estimate.low, estimate.high))
    value, low, high = (f"{number:.1f}" for number in numbers)
    return value, f"{low} to {high}"


def _plain(estimate: Estimate) -> tuple[str, str]:
    return f"{estimate.value:.2f}", f"{estimate.low:.2f} to {estimate.high:.2f}"
