"""``vitonnx doctor --measure``: which device and precision to take here, and what that costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from vitonnx.cli._console import Stage, Table, give, results

if TYPE_CHECKING:
    from vitonnx.demo import Way, Worth
    from vitonnx.errors import VitonnxError

__all__ = ["measure_devices"]


def measure_devices(devices: Iterable[str], *, quiet: bool) -> None:
    """Time what the devices that work compute in, and say which to take."""
    from vitonnx.demo import best_way, measure_ways, ways_of

    with Stage("measuring", quiet=quiet) as show:
        found = measure_ways(ways_of(devices), show)
    best = best_way(found)
    if quiet:
        give(best)
        return
    for model, ways in found.items():
        _print(model, ways)
    give(_advice(best, found))


def _print(model: str, ways: Mapping[Way, Worth | VitonnxError]) -> None:
    table = Table(title=model, title_justify="left", box=None, pad_edge=False)
    for column in ("device", "precision"):
        table.add_column(column)
    for column in ("ms a picture", "error of attention", "rank correlation"):
        table.add_column(column, justify="right")
    table.add_column("")
    for way, worth in ways.items():
        table.row(way.device, way.precision, *_cells(worth))
    results().print(table)
    results().print()


def _cells(worth: Worth | VitonnxError) -> tuple[str, ...]:
    if isinstance(worth, Exception):
        return "", "", "", str(worth)
    return f"{worth.seconds * 1e3:.1f}", f"{worth.error:.1g}", f"{worth.correlation:.4f}"


def _advice(best: Way, found: Mapping[str, Mapping[Way, Worth | VitonnxError]]) -> str:
    from vitonnx.demo import EXACT, UNTRAINED, Worth

    if best == EXACT:
        return f"Take {best}: nothing that keeps the maps is faster here."
    # What it costs is the most that was seen of any model.
    costs = [worth for ways in found.values() if isinstance(worth := ways[best], Worth)]
    error = max(worth.error for worth in costs)
    correlation = min(worth.correlation for worth in costs)
    seconds = [
        worth.seconds for way in (EXACT, best) if isinstance(worth := found[UNTRAINED][way], Worth)
    ]
    return (
        f"Take {best}: at {UNTRAINED} it is {seconds[0] / seconds[1]:.1f} times as fast as the CPU "
        f"in fp32. It costs an error of {error:.1g} of the largest attention, and maps whose rank "
        f"correlation with the CPU's is {correlation:.4f}."
    )
