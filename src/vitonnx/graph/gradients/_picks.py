"""Rules of operators that pick numbers from others."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from vitonnx.graph._row_axes import Cut
from vitonnx.graph._sides import known_sides, pick_of
from vitonnx.graph._write import numbers
from vitonnx.graph.gradients._arithmetic import Arithmetic, sides_of
from vitonnx.graph.gradients._rule import Gradient, Seen, rule, unknown


@rule("Slice", "Gather")
def pick(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | Gradient | None]:
    """Put the gradient back where its numbers were taken; zero is elsewhere."""
    value, picks = seen.input(0), pick_of(seen.node)
    if picks is None and seen.node.op_type == "Gather":
        return _gathered_grid(write, seen, gradient)
    if picks is None:
        raise unknown(seen, "takes entries whose places aren't constant")
    sides = sides_of(value)
    cuts = []
    for each in picks:
        side = int(sides[each.axis] or 0)
        if each.drops:
            gradient = write.unsqueeze(gradient, [each.axis])
        if each.entries == tuple(range(side)):
            continue
        first, count = (each.entries or (0,))[0], len(each.entries)
        if each.entries == tuple(range(first, first + count)):
            cuts.append(Cut(each.axis, first, first + count))
        else:
            gradient = _scattered(write, gradient, each.entries, each.axis, side)
    # One cut is left to whoever can do without the zeros.
    for cut in cuts[1:]:
        if sides_of(gradient)[cut.axis] == 1:
            gradient = write.repeated(gradient, cut.axis, cut.stop - cut.start)
        behind = int(sides[cut.axis] or 0) - cut.stop
        gradient = write.pad(gradient, cut.axis, cut.start, behind)
    rest = [None] * (len(seen.inputs) - 1)
    return [Gradient(gradient, cuts[0] if cuts else None), *rest]


def _scattered(
    write: Arithmetic, gradient: ir.Value, entries: Sequence[int], axis: int, side: int
) -> ir.Value:
    """Put entries along an axis where they come from; those of one place are summed."""
    if sides_of(gradient)[axis] == 1:
        gradient = write.repeated(gradient, axis, len(entries))
    if len(set(entries)) == len(entries):
        from_place = {place: number for number, place in enumerate(entries)}
        padded = write.pad(gradient, axis, 0, 1)
        return write.gather(
            padded, [from_place.get(place, len(entries)) for place in range(side)], axis
        )
    rank = len(sides_of(gradient))
    last = [*(place for place in range(rank) if place != axis), axis]
    chosen = np.zeros((len(entries), side), np.float32)
    chosen[np.arange(len(entries)), list(entries)] = 1
    summed = write.matmul(write.transpose(gradient, last), write.array(chosen))
    return write.transpose(summed, [last.index(place) for place in range(rank)])


@rule("GatherElements")
def gather_elements(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Add every number's gradient to that of the place which it was taken from."""
    if seen.wanted[1]:
        raise unknown(seen, "takes entries whose places depend on the picture")
    value, places = seen.input(0), seen.input(1)
    rank = len(sides_of(value))
    zeros = write.expand(write.array(np.zeros([1] * rank)), value)
    scattered = write.op(
        "ScatterElements",
        [zeros, places, write.expand(gradient, seen.output)],
        sides_of(value),
        axis=seen.axis(0),
        reduction="add",
    )
    return [scattered, None]


def _gathered_grid(
    write: Arithmetic, seen: Seen, gradient: ir.Value
) -> list[ir.Value | Gradient | None]:
    """Put the gradient back where a grid of places says, such as the tokens of windows."""
    value, places, shape = seen.input(0), numbers(seen.inputs[1]), known_sides(seen.inputs[1])
    axis = seen.node.attributes.get_int("axis", 0) % len(sides_of(value))
    side = sides_of(value)[axis]
    if places is None or shape is None or None in shape or side is None:
        raise unknown(seen, "takes entries whose places aren't constant")
    grid = range(axis, axis + len(shape))
    full = write.expand(gradient, seen.output, grid)
    given = sides_of(full)
    sides = [*given[:axis], math.prod(map(int, shape)), *given[grid.stop :]]  # type: ignore[arg-type]
    if sides.count(None) > 1:
        raise unknown(seen, "gives several sides that are open")
    flat = write.reshape(full, sides)
    return [_scattered(write, flat, [place % side for place in places], axis, side), None]
