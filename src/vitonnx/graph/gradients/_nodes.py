"""Nodes written behind a graph, by a writer that knows all sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import onnx_ir as ir
from numpy.typing import ArrayLike, NDArray

from vitonnx.errors import UsageError
from vitonnx.graph._last_tokens import SINGLE
from vitonnx.graph._sides import known_sides
from vitonnx.graph._write import Writer, constant

__all__ = ["WHOLE_NUMBERS", "Nodes", "Sides", "sides_of"]

Sides: TypeAlias = tuple[int | None, ...]
"""Sides of a value; None for one that is open, as the batch is."""

WHOLE_NUMBERS = ir.DataType.INT64


def sides_of(value: ir.Value) -> Sides:
    """Give the sides of a value, whose rank at least must be known."""
    sides = known_sides(value)
    if sides is None:
        raise UsageError(f"the shape of {value.name!r} isn't known, so its gradient isn't either.")
    return sides


class Nodes:
    """Writes nodes and constants, in single precision if nothing else is said."""

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
