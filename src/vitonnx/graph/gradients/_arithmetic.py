"""Arithmetic written into a graph, in single precision, by a writer that knows all sides."""

from __future__ import annotations

import math
from collections.abc import Sequence

import onnx_ir as ir

from vitonnx.graph._last_tokens import SINGLE
from vitonnx.graph.gradients._moves import Moves
from vitonnx.graph.gradients._nodes import WHOLE_NUMBERS, Sides, sides_of

__all__ = ["Arithmetic", "Sides", "broadcast", "sides_of"]


class Arithmetic(Moves):
    """Writes nodes behind a graph, and says the shape of each.

    Whatever the graph computes in, these compute in single precision: gradients of attention are
    small, and vanish in 16 bits.

    Parameters
    ----------
    graph : onnx_ir.Graph
        Graph that gets the constants at once, and the nodes when they are put there.
    name : str
        Beginning of all names.
    """

    def unary(self, kind: str, value: ir.Value) -> ir.Value:
        """Apply a function to every number."""
        return self.op(kind, [value], sides_of(value))

    def binary(self, kind: str, one: ir.Value, other: ir.Value) -> ir.Value:
        """Apply a function to every pair of numbers, broadcast."""
        sides = broadcast(sides_of(one), sides_of(other))
        return self.op(kind, [one, other], sides)

    def add(self, one: ir.Value, other: ir.Value) -> ir.Value:
        """Add."""
        return self.binary("Add", one, other)

    def sub(self, one: ir.Value, other: ir.Value) -> ir.Value:
        """Subtract."""
        return self.binary("Sub", one, other)

    def mul(self, one: ir.Value, other: ir.Value | float) -> ir.Value:
        """Multiply."""
        if isinstance(other, int | float):
            other = self.array(other)
        return self.binary("Mul", one, other)

    def div(self, one: ir.Value, other: ir.Value) -> ir.Value:
        """Divide."""
        return self.binary("Div", one, other)

    def where(self, condition: ir.Value, one: ir.Value, other: ir.Value) -> ir.Value:
        """Choose."""
        sides = broadcast(*(sides_of(each) for each in (condition, one, other)))
        return self.op("Where", [condition, one, other], sides)

    def compare(self, kind: str, one: ir.Value, other: ir.Value) -> ir.Value:
        """Compare: booleans."""
        sides = broadcast(sides_of(one), sides_of(other))
        return self.op(kind, [one, other], sides, ir.DataType.BOOL)

    def matmul(self, one: ir.Value, other: ir.Value) -> ir.Value:
        """Multiply matrices."""
        left, right = sides_of(one), sides_of(other)
        sides = (*broadcast(left[:-2], right[:-2]), left[-2], right[-1])
        return self.op("MatMul", [one, other], sides)

    def sum(self, value: ir.Value, axes: Sequence[int], *, keep: bool = True) -> ir.Value:
        """Sum over axes."""
        return self._reduced("ReduceSum", value, axes, keep=keep)

    def mean(self, value: ir.Value, axes: Sequence[int]) -> ir.Value:
        """Take the mean over axes, which stay as sides of 1."""
        return self._reduced("ReduceMean", value, axes, keep=True)

    def unbroadcast(
        self, value: ir.Value, like: ir.Value, own: Sides, whole: Sides | None = None
    ) -> ir.Value:
        """Sum over the axes along which something of its `own` sides was repeated.

        It was repeated to be `like` that, or of the `whole` sides where the last ones differ. The
        value may be given once for an axis along which it is the same, as everywhere.
        """
        whole = sides_of(like) if whole is None else whole
        leading = len(whole) - len(own)
        axes = [
            axis
            for axis, side in enumerate(whole)
            if side != 1 and (axis < leading or own[axis - leading] == 1)
        ]
        given = sides_of(value)
        repeated = [axis for axis in axes if given[axis] == 1]
        summed = [axis for axis in axes if given[axis] != 1]
        if summed:
            value = self.sum(value, summed)
        if repeated:
            value = self.mul(value, float(math.prod(int(whole[axis] or 1) for axis in repeated)))
        for axis in repeated:
            if whole[axis] is None:
                value = self.mul(value, self._side(like, axis))
        return self.squeeze(value, range(leading)) if leading else value

    def _side(self, value: ir.Value, axis: int) -> ir.Value:
        """Give an open side, such as the number of pictures."""
        side = self.op("Shape", [value], [1], WHOLE_NUMBERS, start=axis, end=axis + 1)
        return self.op("Cast", [side], [1], to=SINGLE.value)

    def _reduced(self, kind: str, value: ir.Value, axes: Sequence[int], *, keep: bool) -> ir.Value:
        sides = [
            1 if axis in axes else side
            for axis, side in enumerate(sides_of(value))
            if keep or axis not in axes
        ]
        inputs = [value, self.integers(axes)]
        return self.op(kind, inputs, sides, keepdims=int(keep))


def broadcast(*shapes: Sides) -> Sides:
    """Give the sides of what is broadcast together; a side that is open is taken for the larger."""
    rank = max(map(len, shapes))
    sides: list[int | None] = []
    for axis in range(-rank, 0):
        met = {shape[axis] for shape in shapes if len(shape) >= -axis} - {1}
        known = [side for side in met if side is not None]
        sides.append(known[0] if known else None if met else 1)
    return tuple(sides)
