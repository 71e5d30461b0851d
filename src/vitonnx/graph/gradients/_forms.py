"""Rules of operators that move numbers, and change none."""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from vitonnx.graph._write import numbers
from vitonnx.graph.gradients._arithmetic import Arithmetic, Sides, sides_of
from vitonnx.graph.gradients._rule import Seen, rule, unknown


@rule("Cast", "Dropout", "Identity")
def same(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Pass the gradient on."""
    return [gradient, *[None] * (len(seen.inputs) - 1)]


@rule("Reshape", "Flatten", "Squeeze", "Unsqueeze")
def reshape(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Give the gradient the shape of the input."""
    own, whole, given = sides_of(seen.input(0)), sides_of(seen.output), sides_of(gradient)
    # An axis that stays one may be given once; others are written out.
    stays = _alike(own, whole)
    full = write.expand(
        gradient, seen.output, [axis for axis in range(len(whole)) if axis not in stays]
    )
    few = list(own)
    for axis, before in stays.items():
        few[before] = given[axis]
    if few.count(None) > 1:
        reshaped = write.reshape_like(write.expand(full, seen.output), seen.input(0))
    else:
        reshaped = write.reshape(full, few)
    return [reshaped, *[None] * (len(seen.inputs) - 1)]


def _alike(own: Sides, whole: Sides) -> dict[int, int]:
    """Match axes of a result with those of what was reshaped: the first ones, and the last ones."""
    found: dict[int, int] = {}
    for axis, (one, other) in enumerate(zip(own, whole, strict=False)):
        if one != other:
            break
        found[axis] = axis
    for axis, (one, other) in enumerate(zip(own[::-1], whole[::-1], strict=False), start=1):
        places = len(whole) - axis, len(own) - axis
        if one != other or one is None or places[0] in found or places[1] in found.values():
            break
        found[places[0]] = places[1]
    rest = [side for axis, side in enumerate(own) if axis not in found.values()]
    other_rest = [side for axis, side in enumerate(whole) if axis not in found]
    if None in (*rest, *other_rest):
        return {}
    # Of open sides one may be a multiple of the other.
    alike = math.prod(map(int, rest)) == math.prod(map(int, other_rest))  # type: ignore[arg-type]
    return found if alike else {}


@rule("Transpose")
def transpose(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Put the axes back."""
    rank = len(sides_of(seen.output))
    perm = list(seen.node.attributes.get_ints("perm", range(rank)[::-1]))
    return [write.transpose(gradient, [perm.index(axis) for axis in range(rank)])]


@rule("Expand")
def expand(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Sum over what was repeated."""
    return [write.unbroadcast(gradient, seen.output, sides_of(seen.input(0))), None]


@rule("Concat")
def concat(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Take the gradient apart."""
    axis, start, found = seen.axis(0), 0, []
    for place, wanted in enumerate(seen.wanted):
        side = sides_of(seen.input(place))[axis]
        if side is None:
            raise unknown(seen, "puts parts of unknown size together")
        part: ir.Value | None = None
        if wanted:
            is_same = sides_of(gradient)[axis] == 1 != sides_of(seen.output)[axis]
            part = gradient if is_same else write.slice(gradient, axis, start, start + side)
        found.append(part)
        start += side
    return found


@rule("Tile")
def tile(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Sum over the repetitions."""
    own, whole = sides_of(seen.input(0)), sides_of(seen.output)
    gradient = write.expand(gradient, seen.output)
    repeats = numbers(seen.inputs[1])
    if repeats is None:
        raise unknown(seen, "repeats axes as often as the picture says")
    for axis, (side, tiled) in enumerate(zip(own, whole, strict=True)):
        if repeats[axis] == 1:
            continue
        if side == 1:
            gradient = write.sum(gradient, [axis])
        elif side is None or tiled is None:
            raise unknown(seen, "repeats an axis of unknown size")
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
        raise unknown(seen, "pads in a way that isn't known")
    gradient = write.expand(gradient, seen.output)
    for axis, before, behind in zip(axes, pads, pads[len(axes) :], strict=False):
        if before or behind:
            side = sides[axis]
            if side is None or before < 0 or behind < 0:
                raise unknown(seen, "pads in a way that isn't known")
            gradient = write.slice(gradient, axis % len(sides), before, before + side)
    return [gradient, *[None] * (len(seen.inputs) - 1)]


@rule("Trilu")
def trilu(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Give zero where the matrix was made zero."""
    full = write.expand(gradient, seen.output)
    upper = seen.node.attributes.get_int("upper", 1)
    kept = write.op("Trilu", [full, *seen.inputs[1:]], sides_of(full), upper=upper)
    return [kept, *[None] * (len(seen.inputs) - 1)]


@rule("DepthToSpace")
def depth_to_space(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Put pixels back into channels."""
    size, own = seen.node.attributes.get_int("blocksize"), sides_of(seen.input(0))
    full = write.expand(gradient, seen.output)
    deep = write.op("SpaceToDepth", [full], own, blocksize=size)
    if seen.node.attributes.get_string("mode", "DCR") == "DCR":
        return [deep]
    # Channels were first in their order, and are last in that of SpaceToDepth.
    places = np.arange(int(own[1] or 0)).reshape(size * size, -1).T.ravel()
    return [write.gather(deep, places.tolist(), 1)]


@rule("SpaceToDepth")
def space_to_depth(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Put channels back into pixels."""
    size, full = seen.node.attributes.get_int("blocksize"), write.expand(gradient, seen.output)
    return [write.op("DepthToSpace", [full], sides_of(seen.input(0)), blocksize=size)]
