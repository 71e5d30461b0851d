"""How large the numbers of a value can be, whatever the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from vitonnx.graph._write import numbers

__all__ = ["Magnitudes"]

# They put numbers elsewhere, or leave some out.
MOVES = frozenset(
    (
        "Cast",
        "Expand",
        "Gather",
        "Identity",
        "Reshape",
        "Slice",
        "Squeeze",
        "Transpose",
        "Unsqueeze",
    )
)
PICKS = frozenset(("ReduceMax", "ReduceMean", "ReduceMin"))


class Magnitudes:
    """Bounds of values that are made of constants and attention; infinite for all others.

    Attention is between 0 and 1, and so is the sum of its last axis: a sum that is weighted by
    distances is no larger than the largest distance. Needs inferred shapes.
    """

    def __init__(self) -> None:
        self._known: dict[ir.Value, float] = {}

    def of(self, value: ir.Value | None) -> float:
        """Give the largest magnitude that a number of a value can have."""
        if value is None:
            return math.inf
        if value not in self._known:
            self._known[value] = self._found(value)
        return self._known[value]

    def _found(self, value: ir.Value) -> float:
        if value.const_value is not None:
            array = value.const_value.numpy()
            return float(np.abs(array).max(initial=0)) if array.dtype.kind in "fi" else math.inf
        node = value.producer()
        if node is None:
            return math.inf
        first, *others = node.inputs
        match node.op_type:
            case "Softmax":
                return 1.0
            case "Add" | "Sub":
                return self.of(first) + self.of(others[0])
            case "Mul":
                return _product(self.of(first), self.of(others[0]))
            case "Sqrt":
                return math.sqrt(self.of(first))
            case "ReduceSum":
                return self._sum(node)
            case kind if kind in MOVES or kind in PICKS:
                return self.of(first)
        return math.inf

    def _sum(self, node: ir.Node) -> float:
        summed, axes = node.inputs[0], numbers(node.inputs[1]) if len(node.inputs) > 1 else None
        if summed is None or summed.shape is None or not axes:
            return math.inf
        rank = len(summed.shape)
        places = {axis % rank for axis in axes}
        counts = [summed.shape[place] for place in places - {rank - 1}]
        last = self._row(summed) if rank - 1 in places else self.of(summed)
        return _product(last, _count(counts))

    def _row(self, value: ir.Value) -> float:
        """Give the largest sum of magnitudes along the last axis."""
        node = value.producer()
        if node is not None and node.op_type == "Softmax" and _is_last(node, value):
            return 1.0
        if node is not None and node.op_type == "Mul":
            one, other = node.inputs
            weighted = [(one, other), (other, one)]
            return min(
                _product(self._row(row), self.of(weights)) if row is not None else math.inf
                for row, weights in weighted
            )
        return _product(self.of(value), _count(list(value.shape or (None,))[-1:]))


def _is_last(softmax: ir.Node, value: ir.Value) -> bool:
    axis, rank = softmax.attributes.get_int("axis", -1), len(value.shape or ())
    return axis in (-1, rank - 1)


def _count(sides: Sequence[object]) -> float:
    return math.prod(side if isinstance(side, int) else math.inf for side in sides)


def _product(one: float, other: float) -> float:
    """Multiply; what is always 0 stays so, however large the other may be."""
    return 0.0 if 0 in (one, other) else one * other
