"""Large values that the way back computes again, instead of keeping them until then."""

from __future__ import annotations

import math
from collections.abc import Collection

import onnx_ir as ir

from vitonnx.graph._sides import known_sides
from vitonnx.graph._wait import wait_for
from vitonnx.graph._write import Writer
from vitonnx.graph.gradients._arithmetic import Arithmetic

__all__ = ["WAITS_KEY", "Again"]

WAITS_KEY = "vitonnx.waits"
"""A key of metadata of the reshapes that begin such a computation."""


class Again:
    """Values of the graph, each computed a second time when a gradient first asks for it.

    Parameters
    ----------
    write : Arithmetic
        Writer of the nodes.
    values : collection of onnx_ir.Value
        Those that are too large to be kept, such as the attention of many tokens.

    Attributes
    ----------
    made : dict of onnx_ir.Value to onnx_ir.Value
        The copies, by what they are copies of.

    References
    ----------
    Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost", arXiv:1604.06174.
    """

    def __init__(self, write: Arithmetic, values: Collection[ir.Value] = ()) -> None:
        self.write, self.values = write, frozenset(values)
        self.made: dict[ir.Value, ir.Value] = {}

    def give(self, value: ir.Value, gradient: ir.Value) -> ir.Value:
        """Give the value, or its copy, which isn't computed before the gradient is there."""
        if value not in self.values:
            return value
        if value not in self.made:
            self.made[value] = self._copy(value, gradient, _size(value))
        return self.made[value]

    def _copy(self, value: ir.Value, gradient: ir.Value, large: float) -> ir.Value:
        node = value.producer()
        if node is None or value.is_initializer():
            return value
        if _size(value) < large:
            return self._waiting(value, gradient)
        inputs = [
            None if each is None else self._copy(each, gradient, large) for each in node.inputs
        ]
        attributes = {name: each.value for name, each in node.attributes.items()}
        sides = known_sides(value)
        return self.write.op(node.op_type, inputs, sides, value.dtype, **attributes)

    def _waiting(self, value: ir.Value, gradient: ir.Value) -> ir.Value:
        """Give a value once the gradient is there, where it has a shape that can be told."""
        sides = known_sides(value) or ()
        if len(sides) < 2 or sides[0] is not None or None in sides[1:]:
            return value
        # Its -1 keeps a runtime from taking the side that waits for one.
        target = self.write.integers([0, *(int(side or 1) for side in sides[1:-1]), -1])
        waiting = self.write.op("Reshape", [value, target], sides, value.dtype)
        node = self.write.nodes.pop()
        node.metadata_props[WAITS_KEY] = "gradient"
        write = Writer(self.write.graph, str(node.name))
        wait_for(write, node, [gradient])
        self.write.nodes.extend([*write.nodes, node])
        return waiting


def _size(value: ir.Value) -> float:
    """Count the numbers of one picture."""
    sides = known_sides(value)
    if sides is None:
        return math.inf
    return math.prod(1 if side is None else side for side in sides)
