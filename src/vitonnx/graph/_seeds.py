"""What derivatives begin with: the derivative of one number with respect to the head's scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from vitonnx.contract import ANCHORS, TARGET, TARGETS
from vitonnx.errors import UsageError
from vitonnx.graph._write import constant
from vitonnx.graph.gradients import Arithmetic, sides_of

__all__ = ["Seeds", "Told"]

Told: TypeAlias = Mapping[str, NDArray[Any]]
"""By name, what a graph without such inputs is told: `TARGETS` or `ANCHORS`."""

WHOLE_NUMBERS, SINGLE = ir.DataType.INT64, ir.DataType.FLOAT


class Seeds:
    """Writes seeds, (batch, classes) or (batch, dim), by what the graph is told of its targets.

    Parameters
    ----------
    graph : onnx_ir.Graph
        Which gets `TARGETS` or `ANCHORS` as an input.
    count : int
        Number of targets.
    told : mapping of str to array, optional
        What is in the graph in place of these inputs. Without targets there, it has the input
        `TARGET`.
    """

    def __init__(self, graph: ir.Graph, count: int, told: Told | None) -> None:
        self.graph, self._count, self.told = graph, count, told

    def one_hot(
        self, write: Arithmetic, target: int, scores: ir.Value, logits: ir.Value
    ) -> ir.Value:
        """Write that of a class's score: 1 for the class, and 0 for all others.

        The likeliest class, where that is asked for, is that of the `logits`.
        """
        classes = sides_of(scores)[-1]
        if classes is None:
            raise UsageError("the number of the model's classes isn't known: export it again.")
        column = self._column(write, target)
        best = write.op("ArgMax", [logits], (None, 1), WHOLE_NUMBERS, axis=-1, keepdims=1)
        unsaid = write.compare("Less", column, write.integers(0))
        chosen = write.op("Where", [unsaid, best, column], (None, 1), WHOLE_NUMBERS)
        is_class = write.compare("Equal", chosen, write.integers(range(classes)))
        return write.op("Cast", [is_class], (None, classes), to=SINGLE.value)

    def _column(self, write: Arithmetic, target: int) -> ir.Value:
        """Give the classes of one target, (pictures, 1), whichever way the graph is told."""
        if self.told is not None and TARGETS not in self.told:
            return write.unsqueeze(self.input(TARGET, WHOLE_NUMBERS, ["batch"]), [1])
        targets = self.input(TARGETS, WHOLE_NUMBERS, ["pictures", self._count])
        return write.slice(targets, 1, target, target + 1)

    def towards(self, write: Arithmetic, target: int, scores: ir.Value) -> ir.Value:
        """Write that of the cosine of e and a: (a / |a| - cosine e / |e|) / |e|."""
        dim = sides_of(scores)[-1]
        anchors = self.input(ANCHORS, SINGLE, (self._count, dim))
        anchor, own = write.slice(anchors, 0, target, target + 1), write.single(scores)
        unit, direction = (_unit(write, each) for each in (anchor, own))
        cosine = write.sum(write.mul(direction, unit), [1])
        across = write.sub(unit, write.mul(direction, cosine))
        return write.mul(across, _inverse_length(write, own))

    def input(self, name: str, dtype: ir.DataType, sides: Sequence[Any]) -> ir.Value:
        """Give what the graph is told: a constant, or an input of it."""
        for value in (*self.graph.inputs, *self.graph.initializers.values()):
            if value.name == name:
                return value
        if self.told is not None and name in self.told:
            array = np.asarray(self.told[name], dtype.numpy())
            return constant(self.graph, name, array)
        value = ir.Value(name=name, type=ir.TensorType(dtype), shape=ir.Shape(sides))
        self.graph.inputs.append(value)
        return value


def _unit(write: Arithmetic, vectors: ir.Value) -> ir.Value:
    return write.mul(vectors, _inverse_length(write, vectors))


def _inverse_length(write: Arithmetic, vectors: ir.Value) -> ir.Value:
    """Give 1 / |v|, and 0 for a vector of zeros, which is like no other."""
    length = write.unary("Sqrt", write.sum(write.mul(vectors, vectors), [1]))
    some = write.compare("Greater", length, write.array(0.0))
    inverse = write.unary("Reciprocal", length)
    return write.where(some, inverse, write.array(0.0))
