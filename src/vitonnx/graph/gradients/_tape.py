"""Gradients as they come together, and go back through a node."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable
from dataclasses import replace

import onnx_ir as ir

from vitonnx.errors import UsageError
from vitonnx.graph._row_axes import Cut, input_axes
from vitonnx.graph.gradients._again import Again
from vitonnx.graph.gradients._arithmetic import Arithmetic, sides_of
from vitonnx.graph.gradients._rule import RULES, Gradient, Seen

# Several separate rows of one value, such as class and distillation token, are followed apart.
MOST_CUTS = 3
DOMAINS = ("", "com.microsoft")

__all__ = ["Tape", "filled", "summed"]


class Tape:
    """Gradients as they come together."""

    def __init__(self, write: Arithmetic, again: Again) -> None:
        self.write, self.again = write, again
        self.found: dict[ir.Value, dict[Cut | None, ir.Value]] = {}

    def add(self, value: ir.Value, gradient: Gradient) -> None:
        """Add to the gradient of a value."""
        parts = self.found.setdefault(value, {})
        there = parts.get(gradient.cut)
        parts[gradient.cut] = (
            gradient.value if there is None else self.write.add(there, gradient.value)
        )

    def combined(self, value: ir.Value) -> list[Gradient]:
        """Give the gradient of a value, in parts: rows apart from each other, or all together."""
        parts = [Gradient(part, cut) for cut, part in self.found.get(value, {}).items()]
        rows = [part for part in parts if part.cut is not None]
        if len(rows) > 1 and _are_apart(rows) and _are_written_out(value, rows):
            all_rows = Gradient(self._put_together(value, rows))
            parts = [*(part for part in parts if part.cut is None), all_rows]
        elif len(parts) <= 1 or (len(parts) <= MOST_CUTS and _are_apart(parts)):
            return parts
        whole = summed(self.write, value, parts)
        self.found[value] = {None: whole}
        return [Gradient(whole)]

    def _put_together(self, value: ir.Value, parts: list[Gradient]) -> ir.Value:
        """Concatenate adjacent rows that are all of a value."""
        axis = next(part.cut.axis for part in parts if part.cut is not None)
        given = [sides_of(part.value) for part in parts]
        differ = [
            place
            for place, sides in enumerate(zip(*given, strict=True))
            if place != axis and len(set(sides)) > 1
        ]
        like = self.write.single(value)
        rows = [self.write.expand(part.value, like, differ) for part in _in_order(parts)]
        return self.write.concat(rows, axis)

    def follow(self, node: ir.Node, wanted: list[bool]) -> None:
        """Go from a node's outputs back to its inputs."""
        if node.op_type == "Split" and not node.domain:
            self._follow_split(node)
            return
        rule = RULES.get(node.op_type) if node.domain in DOMAINS else None
        if rule is None:
            raise UsageError(
                f"no rule is known for the gradient of {node.op_type} {node.name!r}, which the "
                "class depends on: what the class depends on can't be told for this model."
            )
        output, *others = node.outputs
        if any(self.found.get(other) for other in others):
            raise UsageError(
                f"no rule is known for the further outputs of {node.op_type} {node.name!r}, which "
                "the class depends on."
            )
        for gradient in self.combined(output):
            axes = None if gradient.cut is None else input_axes(node, gradient.cut.axis)
            if gradient.cut is not None and axes is None:
                gradient = Gradient(filled(self.write, output, gradient))
            axes = [None] * len(node.inputs) if axes is None else axes
            seen = self._seen(node, wanted, gradient, axes)
            for place, given in enumerate(rule(self.write, seen, gradient.value)):
                value, axis = node.inputs[place], axes[place]
                if given is None or value is None or not wanted[place]:
                    continue
                if isinstance(given, ir.Value):
                    given = Gradient(given)
                if gradient.cut is not None and axis is not None:
                    rows = filled(self.write, seen.input(place), given)
                    given = Gradient(rows, replace(gradient.cut, axis=axis))
                self.add(value, given)

    def _seen(
        self, node: ir.Node, wanted: list[bool], gradient: Gradient, axes: list[int | None]
    ) -> Seen:
        """Show a rule some rows of a node, or all."""
        write, cut = self.write, gradient.cut
        inputs: list[ir.Value | None] = []
        for value, axis in zip(node.inputs, axes, strict=True):
            if value is not None and value.shape is not None:
                value = write.single(self.again.give(value, gradient.value))
                if cut is not None and axis is not None:
                    value = write.slice(value, axis, cut.start, cut.stop)
            inputs.append(value)
        output = write.single(self.again.give(node.outputs[0], gradient.value))
        if cut is not None:
            output = write.slice(output, cut.axis, cut.start, cut.stop)
        return Seen(node, inputs, output, wanted)

    def _follow_split(self, node: ir.Node) -> None:
        """Put the gradients of the parts back where they were."""
        source = node.inputs[0]
        assert source is not None
        axis = node.attributes.get_int("axis", 0) % len(sides_of(source))
        start = 0
        for value in node.outputs:
            side = sides_of(value)[axis]
            if side is None:
                raise UsageError(
                    f"Split {node.name!r} has parts of unknown size, so its gradient isn't known."
                )
            if found := self.combined(value):
                part = summed(self.write, value, found)
                self.add(source, Gradient(part, Cut(axis, start, start + side)))
            start += side


def filled(write: Arithmetic, value: ir.Value, gradient: Gradient) -> ir.Value:
    """Put zeros where a gradient is zero."""
    cut = gradient.cut
    if cut is None:
        return gradient.value
    side, count = sides_of(value)[cut.axis], cut.stop - cut.start
    part = gradient.value
    if sides_of(part)[cut.axis] != count:
        part = write.repeated(part, cut.axis, count)
    return write.pad(part, cut.axis, cut.start, int(side or 0) - cut.stop)


def summed(write: Arithmetic, value: ir.Value, gradients: Iterable[Gradient]) -> ir.Value:
    """Sum up the parts of a value's gradient, at least one, with zeros where they are zero."""
    first, *others = (filled(write, value, gradient) for gradient in gradients)
    return functools.reduce(write.add, others, first)


def _in_order(parts: Iterable[Gradient]) -> list[Gradient]:
    return sorted(parts, key=lambda part: 0 if part.cut is None else part.cut.start)


def _are_apart(parts: list[Gradient]) -> bool:
    """Whether all parts are rows along one axis, none of them shared."""
    cuts = [part.cut for part in _in_order(parts) if part.cut is not None]
    if len(cuts) < len(parts) or len({cut.axis for cut in cuts}) > 1:
        return False
    return all(one.stop <= other.start for one, other in itertools.pairwise(cuts))


def _are_written_out(value: ir.Value, parts: Iterable[Gradient]) -> bool:
    """Whether rows that are apart are all that there are, and none is given once for several."""
    rows = 0
    for part in parts:
        if part.cut is not None:
            count, axis = part.cut.stop - part.cut.start, part.cut.axis
            if sides_of(part.value)[axis] != count:
                return False
            rows += count
    return rows == sides_of(value)[axis]
