"""Arithmetic written into a graph, in single precision, by a writer that knows all sides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import onnx_ir as ir
from numpy.typing import ArrayLike, NDArray

from vitonnx.errors import UsageError
from vitonnx.graph._last_tokens import SINGLE
from vitonnx.graph._sides import known_sides
from vitonnx.graph._write import Writer, constant

__all__ = ["Arithmetic", "Sides", "sides_of"]

Sides: TypeAlias = tuple[int | None, ...]
"""Sides of a value; None for one that is open, as the batch is."""

WHOLE_NUMBERS = ir.DataType.INT64


def sides_of(value: ir.Value) -> Sides:
    """Give the sides of a value, whose rank at least must be known."""
    sides = known_sides(value)
    if sides is None:
        raise UsageError(f"the shape of {value.name!r} isn't known, so its gradient isn't either.")
    return sides


class Arithmetic:
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

    def __init__(self, graph: ir.Graph, name: str) -> None:
        self.graph = graph
        self._write = Writer(graph, name)
        self._count = 0
        self._made: dict[object, ir.Value] = {}

    @property
    def nodes(self) -> list[ir.Node]:
        """What was written, in order."""
        return self._write.nodes

    def op(
        self,
        kind: str,
        inputs: Sequence[ir.Value | None],
        sides: Sequence[int | None] | None,
        dtype: ir.DataType | None = SINGLE,
        **attributes: object,
    ) -> ir.Value:
        """Write a node of one output with these sides."""
        place = self._place(kind)
        return self._write.op(kind, inputs, place, dtype, sides, **attributes)  # type: ignore[arg-type]

    def ops(
        self,
        kind: str,
        inputs: Sequence[ir.Value | None],
        sides: Sequence[Sequence[int | None]],
        **attributes: object,
    ) -> tuple[ir.Value, ...]:
        """Write a node of several outputs with these sides."""
        name = f"{self._write.name}/{self._place(kind)}"
        count = len(sides)
        node = ir.node(kind, inputs, attributes, num_outputs=count, name=name)  # type: ignore[arg-type]
        for place, (value, own) in enumerate(zip(node.outputs, sides, strict=True)):
            value.name = f"{name}/output_{place}" if place else name
            value.type, value.shape = ir.TensorType(SINGLE), ir.Shape(own)
        self.nodes.append(node)
        return tuple(node.outputs)

    def array(self, numbers: ArrayLike) -> ir.Value:
        """Write a constant in single precision."""
        return self._constant(np.asarray(numbers, np.float32))

    def integers(self, numbers: Sequence[int] | int) -> ir.Value:
        """Write whole numbers, such as axes."""
        numbers = numbers if isinstance(numbers, int) else list(numbers)
        return self._constant(np.asarray(numbers, np.int64))

    def single(self, value: ir.Value) -> ir.Value:
        """Give a value of the graph in single precision; whole numbers and booleans as they are."""
        if value.dtype in (None, SINGLE) or not value.dtype.is_floating_point():
            return value
        if value not in self._made:
            cast = self.op("Cast", [value], known_sides(value), to=SINGLE.value)
            self._made[value] = cast
        return self._made[value]

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

    def transpose(self, value: ir.Value, perm: Sequence[int]) -> ir.Value:
        """Put axes in another order."""
        sides = sides_of(value)
        return self.op("Transpose", [value], [sides[axis] for axis in perm], perm=tuple(perm))

    def turned(self, value: ir.Value) -> ir.Value:
        """Transpose matrices."""
        rank = len(sides_of(value))
        return self.transpose(value, [*range(rank - 2), rank - 1, rank - 2])

    def sum(self, value: ir.Value, axes: Sequence[int], *, keep: bool = True) -> ir.Value:
        """Sum over axes."""
        return self._reduced("ReduceSum", value, axes, keep=keep)

    def mean(self, value: ir.Value, axes: Sequence[int]) -> ir.Value:
        """Take the mean over axes, which stay as sides of 1."""
        return self._reduced("ReduceMean", value, axes, keep=True)

    def squeeze(self, value: ir.Value, axes: Sequence[int]) -> ir.Value:
        """Leave axes out, whose sides are 1."""
        sides = [side for axis, side in enumerate(sides_of(value)) if axis not in axes]
        return self.op("Squeeze", [value, self.integers(axes)], sides, value.dtype)

    def unsqueeze(self, value: ir.Value, axes: Sequence[int]) -> ir.Value:
        """Put in axes, whose sides are 1; they count in the result."""
        sides: list[int | None] = list(sides_of(value))
        for axis in sorted(axes):
            sides.insert(axis, 1)
        return self.op("Unsqueeze", [value, self.integers(axes)], sides, value.dtype)

    def reshape_like(self, value: ir.Value, like: ir.Value) -> ir.Value:
        """Give a value the sides of another, of which several may be open."""
        return self.op("Reshape", [value, self.shape(like)], sides_of(like))

    def reshape(self, value: ir.Value, sides: Sequence[int | None]) -> ir.Value:
        """Give a value other sides, of which one may be open."""
        target = self.integers([-1 if side is None else side for side in sides])
        return self.op("Reshape", [value, target], sides)

    def shape(self, value: ir.Value) -> ir.Value:
        """Give the sides of a value, whole numbers."""
        return self.op("Shape", [value], [len(sides_of(value))], WHOLE_NUMBERS)

    def expand(
        self, value: ir.Value, like: ir.Value, axes: Sequence[int] | None = None
    ) -> ir.Value:
        """Repeat a value along axes of 1, some or all, to the sides of another."""
        own, sides = sides_of(value), sides_of(like)
        if axes is not None:
            sides = tuple(side if axis in axes else own[axis] for axis, side in enumerate(sides))
        if own == sides:
            return value
        repeated = [mine != theirs for mine, theirs in zip(own, sides, strict=True)]
        if any(side is None for side, again in zip(sides, repeated, strict=True) if again):
            target = self._target(like, sides)
        else:
            target = self.integers(
                [
                    int(side or 1) if again else 1
                    for side, again in zip(sides, repeated, strict=True)
                ]
            )
        return self.op("Expand", [value, target], sides)

    def repeated(self, value: ir.Value, axis: int, count: int) -> ir.Value:
        """Repeat what is the same along an axis, whose side is 1."""
        if count == 1:
            return value
        ones = np.ones([count if place == axis else 1 for place in range(len(sides_of(value)))])
        return self.mul(value, self.array(ones))

    def slice(self, value: ir.Value, axis: int, start: int, stop: int) -> ir.Value:
        """Take adjacent entries along an axis."""
        made = (value, axis, start, stop)
        if made not in self._made:
            sides = list(sides_of(value))
            sides[axis] = stop - start
            bounds = [self.integers([number]) for number in (start, stop, axis)]
            self._made[made] = self.op("Slice", [value, *bounds], sides, value.dtype)
        return self._made[made]

    def pad(self, value: ir.Value, axis: int, before: int, after: int) -> ir.Value:
        """Put zeros before and behind, along an axis."""
        if not before and not after:
            return value
        sides = list(sides_of(value))
        sides[axis] = int(sides[axis] or 0) + before + after
        pads = self.integers([before, after])
        return self.op("Pad", [value, pads, self.array(0.0), self.integers([axis])], sides)

    def concat(self, values: Sequence[ir.Value], axis: int) -> ir.Value:
        """Put values together along an axis."""
        sides = list(sides_of(values[0]))
        along = [sides_of(value)[axis] for value in values]
        sides[axis] = None if None in along else sum(int(side or 0) for side in along)
        return self.op("Concat", values, sides, axis=axis)

    def gather(self, value: ir.Value, places: Sequence[int], axis: int) -> ir.Value:
        """Take entries of constant places along an axis."""
        sides = list(sides_of(value))
        sides[axis] = len(places)
        return self.op("Gather", [value, self.integers(places)], sides, axis=axis)

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

    def _target(self, like: ir.Value, sides: Sides) -> ir.Value:
        """Give the sides that a value is expanded to: those of another, or 1."""
        if sides == sides_of(like):
            return self.shape(like)
        parts = [
            self.op("Shape", [like], [1], WHOLE_NUMBERS, start=axis, end=axis + 1)
            if side is None
            else self.integers([side])
            for axis, side in enumerate(sides)
        ]
        return self.op("Concat", parts, [len(sides)], WHOLE_NUMBERS, axis=0)

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

    def _constant(self, array: NDArray[np.generic]) -> ir.Value:
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._made:
            self._count += 1
            name = f"{self._write.name}/constant_{self._count}"
            self._made[key] = constant(self.graph, name, array)
        return self._made[key]

    def _place(self, kind: str) -> str:
        self._count += 1
        return f"{kind.lower()}_{self._count}"


def broadcast(*shapes: Sides) -> Sides:
    """Give the sides of what is broadcast together; a side that is open is taken for the larger."""
    rank = max(map(len, shapes))
    sides: list[int | None] = []
    for axis in range(-rank, 0):
        met = {shape[axis] for shape in shapes if len(shape) >= -axis} - {1}
        known = [side for side in met if side is not None]
        sides.append(known[0] if known else None if met else 1)
    return tuple(sides)
