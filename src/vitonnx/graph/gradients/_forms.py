"""Rules of operators that move numbers, and change none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from vitonnx.errors import UsageError
from vitonnx.graph._rows import Cut
from vitonnx.graph._sides import pick_of
from vitonnx.graph._write import numbers
from vitonnx.graph.gradients._arithmetic import Arithmetic, sides_of
from vitonnx.graph.gradients._rule import Gradient, Seen, rule


@rule("Cast", "Identity", "QuantizeLinear", "DequantizeLinear")
def same(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Pass the gradient on; through rounding too, whose own is zero (a straight-through estimate).

    References
    ----------
    Bengio et al. 2013, "Estimating or Propagating Gradients Through Stochastic Neurons",
    arXiv:1308.3432.
    """
    return [gradient, *[None] * (len(seen.inputs) - 1)]


@rule("Reshape", "Flatten", "Squeeze", "Unsqueeze")
def reshape(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Give the gradient the shape of the input."""
    full = write.expand(gradient, seen.output)
    return [write.reshape(full, seen.input(0)), *[None] * (len(seen.inputs) - 1)]


@rule("Transpose")
def transpose(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Put the axes back."""
    rank = len(sides_of(seen.output))
    perm = list(seen.node.attributes.get_ints("perm", range(rank)[::-1]))
    return [write.transpose(gradient, [perm.index(axis) for axis in range(rank)])]


@rule("Expand")
def expand(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Sum over what was repeated."""
    return [write.unbroadcast(gradient, sides_of(seen.output), sides_of(seen.input(0))), None]


@rule("Concat")
def concat(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Take the gradient apart."""
    axis, start, found = seen.axis(0), 0, []
    for place, wanted in enumerate(seen.wanted):
        side = sides_of(seen.input(place))[axis]
        if side is None:
            raise _unknown(seen, "puts parts of unknown size together")
        part: ir.Value | None = None
        if wanted:
            is_same = sides_of(gradient)[axis] == 1 != sides_of(seen.output)[axis]
            part = gradient if is_same else write.slice(gradient, axis, start, start + side)
        found.append(part)
        start += side
    return found


@rule("Slice", "Gather")
def pick(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | Gradient | None]:
    """Put the gradient back where its numbers were taken; zero is elsewhere."""
    value, picks = seen.input(0), pick_of(seen.node)
    if picks is None:
        raise _unknown(seen, "takes entries whose places aren't constant")
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
        raise _unknown(seen, "takes entries whose places depend on the picture")
    value, places = seen.input(0), seen.input(1)
    zeros = write.mul(value, 0.0)
    scattered = write.op(
        "ScatterElements",
        [zeros, places, write.expand(gradient, seen.output)],
        sides_of(value),
        axis=seen.axis(0),
        reduction="add",
    )
    return [scattered, None]


@rule("Tile")
def tile(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Sum over the repetitions."""
    own, whole = sides_of(seen.input(0)), sides_of(seen.output)
    gradient = write.expand(gradient, seen.output)
    for axis, (side, tiled) in enumerate(zip(own, whole, strict=True)):
        if side == tiled and side is not None:
            continue
        if side == 1:
            gradient = write.sum(gradient, [axis])
        elif side is None or tiled is None:
            raise _unknown(seen, "repeats an axis of unknown size")
        else:
            parts = [
                write.slice(gradient, axis, start, start + side) for start in range(0, tiled, side)
            ]
            gradient = parts[0]
            for part in parts[1:]:
                gradient = write.add(gradient, part)
    return [gradient, None]


@rule("Pad")
def pad(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Leave the padding out."""
    sides = sides_of(seen.input(0))
    pads = numbers(seen.inputs[1])
    given = seen.inputs[3] if len(seen.inputs) > 3 else None
    axes = list(range(len(sides))) if given is None else numbers(given)
    constant = seen.node.attributes.get_string("mode", "constant") == "constant"
    if pads is None or axes is None or not constant:
        raise _unknown(seen, "pads in a way that isn't known")
    gradient = write.expand(gradient, seen.output)
    for axis, before, behind in zip(axes, pads, pads[len(axes) :], strict=False):
        if before or behind:
            side = sides[axis]
            if side is None or before < 0 or behind < 0:
                raise _unknown(seen, "pads in a way that isn't known")
            gradient = write.slice(gradient, axis % len(sides), before, before + side)
    return [gradient, *[None] * (len(seen.inputs) - 1)]


def _unknown(seen: Seen, what: str) -> UsageError:
    return UsageError(
        f"{seen.node.op_type} {seen.node.name!r} {what}, so its gradient isn't known."
    )
