"""Which axes a node reduces, and which entries it picks along them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from vitonnx.graph._write import numbers

__all__ = ["Pick", "known_sides", "pick_of", "reduced_axes", "slice_bounds"]


@dataclass(frozen=True)
class Pick:
    """Entries that a node takes along one axis; an axis of one, or none, where `index` is set."""

    axis: int
    entries: tuple[int, ...]
    drops: bool = False  # whether the axis is gone


def known_sides(value: ir.Value | None) -> tuple[int | None, ...] | None:
    """Return the sides of a value, None for one that is open; no tuple if nothing is known."""
    if value is None or value.shape is None:
        return None
    return tuple(side if isinstance(side, int) else None for side in value.shape)


def reduced_axes(node: ir.Node, rank: int) -> list[int] | None:
    """Return the axes that a node reduces; None if they aren't constant."""
    given: Sequence[int] | None = node.attributes.get_ints("axes", None)
    if given is None and len(node.inputs) > 1 and node.inputs[1] is not None:
        given = numbers(node.inputs[1])
        if given is None:
            return None
    if not given:
        return [] if node.attributes.get_int("noop_with_empty_axes", 0) else list(range(rank))
    return [axis % rank for axis in given]


def slice_bounds(node: ir.Node) -> list[tuple[int, int, int, int]] | None:
    """Return what a Slice takes: axis, start, stop and step, each as given.

    None if they aren't all constant.
    """
    starts, stops = numbers(node.inputs[1]), numbers(node.inputs[2])
    if starts is None or stops is None:
        return None
    usual = (list(range(len(starts))), [1] * len(starts))
    axes, steps = (
        default if value is None else numbers(value)
        for value, default in zip((*node.inputs, None, None)[3:5], usual, strict=True)
    )
    if axes is None or steps is None:
        return None
    return list(zip(axes, starts, stops, steps, strict=True))


def pick_of(node: ir.Node) -> list[Pick] | None:
    """Return what a Slice or a Gather of constant places picks; None if that isn't known."""
    sides = known_sides(node.inputs[0])
    if sides is None:
        return None
    if node.op_type == "Gather":
        axis = node.attributes.get_int("axis", 0) % len(sides)
        places, shape = numbers(node.inputs[1]), known_sides(node.inputs[1])
        side = sides[axis]
        if places is None or side is None or shape is None or len(shape) > 1:
            return None
        return [Pick(axis, tuple(place % side for place in places), drops=not shape)]
    bounds = slice_bounds(node)
    if bounds is None:
        return None
    picks = []
    for given, start, stop, step in bounds:
        axis = given % len(sides)
        side = sides[axis]
        if side is None:
            if start == 0 and step == 1 and stop >= 2**31 - 1:
                continue  # all of the batch
            return None
        picks.append(Pick(axis, tuple(range(side))[start:stop:step]))
    return picks
