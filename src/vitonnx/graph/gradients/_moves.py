"""Numbers moved: turned, put in other shapes, repeated, taken apart and put together."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from vitonnx.graph.gradients._nodes import WHOLE_NUMBERS, Nodes, Sides, sides_of

__all__ = ["Moves"]


class Moves(Nodes):
    """Writes what moves numbers, and changes none."""

    def transpose(self, value: ir.Value, perm: Sequence[int]) -> ir.Value:
        """Put axes in another order."""
        sides = sides_of(value)
        return self.op("Transpose", [value], [sides[axis] for axis in perm], perm=tuple(perm))

    def turned(self, value: ir.Value) -> ir.Value:
        """Transpose matrices."""
        rank = len(sides_of(value))
        return self.transpose(value, [*range(rank - 2), rank - 1, rank - 2])

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

    def reshape(self, value: ir.Value, sides: Sequence[int | None]) -> ir.Value:
        """Give a value other sides, of which one may be open."""
        target = self.integers([-1 if side is None else side for side in sides])
        return self.op("Reshape", [value, target], sides)

    def reshape_like(self, value: ir.Value, like: ir.Value) -> ir.Value:
        """Give a value the sides of another, of which several may be open."""
        return self.op("Reshape", [value, self.shape(like)], sides_of(like))

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
        sides = list(sides_of(value))
        target = self.integers([count if place == axis else 1 for place in range(len(sides))])
        sides[axis] = count
        return self.op("Expand", [value, target], sides)

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
        # Of all axes: the package that has OpenVINO built in takes no choice of them.
        pads = [0] * (2 * len(sides))
        axis %= len(sides)
        pads[axis], pads[axis + len(sides)] = before, after
        return self.op("Pad", [value, self.integers(pads), self.array(0.0)], sides)

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
