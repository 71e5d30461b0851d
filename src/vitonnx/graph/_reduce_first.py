"""An order of work in which attention is gone as soon as it can be."""

from __future__ import annotations

import math

import onnx_ir as ir

from vitonnx.graph._find_blocks import find_attentions
from vitonnx.graph._write import Writer, numbers

__all__ = ["ReduceFirst"]


class ReduceFirst(ir.passes.InPlacePass):
    """Make every block wait until its attention has been read.

    Runtimes run a probe's nodes when it suits them, often at the end, and keep the attention of
    all blocks until then: 3.7 GB for one picture of ViT-S/8 at 480. No option in the file can
    tell them not to. But a node can't run before its inputs: here the reshape that joins a
    block's heads takes a zero from the shape of the probe's first smaller result, so that this
    one comes first in every runtime. It costs nothing, and changes no number. Needs inferred
    shapes, and a graph in canonical form.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Tie the blocks to their readers, in place."""
        tied = False
        for softmax in find_attentions(model.graph):
            weights = softmax.outputs[0]
            join = _join(weights)
            if join is None:
                continue
            if reduced := _reduced(weights, _behind(join)):
                _tie(model.graph, join, reduced)
                tied = True
        if tied:
            # The joins now need what stood behind them.
            model.graph.sort()
        return ir.passes.PassResult(model, tied)


def _join(weights: ir.Value) -> ir.Node | None:
    """Find the reshape that joins the heads: (batch, tokens, heads, dim) to (batch, tokens, -1)."""
    for use in weights.uses():
        node = use.node
        while node.op_type in ("MatMul", "Transpose") and len(node.outputs[0].uses()) == 1:
            (use_of,) = node.outputs[0].uses()
            node = use_of.node
            if node.op_type == "Reshape" and numbers(node.inputs[1]) == [0, 0, -1]:
                return node
    return None


def _reduced(weights: ir.Value, behind: set[ir.Value]) -> list[ir.Value]:
    """Follow each reader of a whole attention to its first result that is smaller.

    What is computed behind the block can't be waited for: gradients, for instance.
    """
    found: dict[ir.Value, None] = {}
    stack = [use.node for use in weights.uses() if not _weighs_values(use.node, weights)]
    seen = set(stack)
    while stack:
        node = stack.pop()
        for value in node.outputs:
            if value in behind:
                continue
            if _size(value) < _size(weights):
                found[value] = None
                continue
            more = [each for each in value.consumers() if each not in seen]
            seen.update(more)
            stack.extend(more)
    return list(found)


def _behind(node: ir.Node) -> set[ir.Value]:
    """Return everything computed from a node: what waits for it can't go first."""
    found: set[ir.Value] = set()
    stack = list(node.outputs)
    while stack:
        value = stack.pop()
        if value not in found:
            found.add(value)
            stack.extend(output for each in value.consumers() for output in each.outputs)
    return found


def _weighs_values(node: ir.Node, weights: ir.Value) -> bool:
    """Whether this is the block's own product of weights and values."""
    other = node.inputs[1] if node.op_type == "MatMul" and node.inputs[0] is weights else None
    return other is not None and not other.is_initializer() and len(other.shape or ()) == 4


def _size(value: ir.Value) -> float:
    """Count the numbers of one picture; an unknown count is taken as large."""
    if value.shape is None or len(value.shape) == 0:
        return math.inf
    sides = [side if isinstance(side, int) else math.inf for side in value.shape[1:]]
    return math.prod(sides)


def _tie(graph: ir.Graph, join: ir.Node, reduced: list[ir.Value]) -> None:
    """Make the reshape's target, [0, 0, -1], wait for some values."""
    write = Writer(graph, str(join.name))
    counts = [
        write.op("Shape", [value], f"after_{number}", start=0, end=1)
        for number, value in enumerate(reduced)
    ]
    largest = write.op("Max", counts, "after_all")
    # Whatever is counted, and whatever it is that was counted.
    nothing = write.op("Mul", [largest, write.constant("after/zero", [0])], "after/nothing")
    sides = write.constant("after/sides", [0, -1])
    target = write.op("Concat", [nothing, sides], "after/target", axis=0)
    write.put_before(join)
    join.replace_input_with(1, target)
