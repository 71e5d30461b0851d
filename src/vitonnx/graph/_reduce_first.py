"""An order of work in which attention is gone as soon as it can be."""

from __future__ import annotations

import itertools
import math

import onnx_ir as ir

from vitonnx.graph._find_blocks import find_attentions
from vitonnx.graph._wait import wait_for
from vitonnx.graph._write import Writer, numbers
from vitonnx.graph.gradients import WAITS_KEY

__all__ = ["ReduceFirst"]


# What stands between queries or keys and their softmax.
SCORES = frozenset(("Add", "Div", "MatMul", "Mul", "Slice", "Transpose"))


class ReduceFirst(ir.passes.InPlacePass):
    """Make every block wait until its attention has been read.

    Runtimes run a probe's nodes when it suits them, often at the end, and keep the attention of
    all blocks until then: 3.7 GB for one picture of ViT-S/8 at 480. No option in the file can
    tell them not to. But a node can't run before its inputs: here the reshape that joins a
    block's heads waits for the probe's first smaller result. Attention that gradients ask for a
    second time waits likewise for what was read of the block behind it. Needs inferred shapes, and
    a graph in canonical form.
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
                _tie(join, reduced)
                tied = True
        for waits, weights in _again(model.graph):
            behind = _behind(waits)
            if reduced := _reduced(weights, behind, waits.outputs[0]):
                _tie(waits, reduced)
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


def _again(graph: ir.Graph) -> list[tuple[ir.Node, ir.Value]]:
    """Pair what begins each attention that is computed again with that of the block behind it."""
    waits = [node for node in graph if WAITS_KEY in node.metadata_props]
    found: dict[ir.Value, ir.Node] = {}
    for node in waits:
        for softmax in _softmaxes(node):
            found.setdefault(softmax.outputs[0], node)
    return [(node, earlier) for (earlier, _), (_, node) in itertools.pairwise(found.items())]


def _softmaxes(node: ir.Node) -> set[ir.Node]:
    """Return the softmax whose scores a node is read for, with nothing but scores in between."""
    stack, found = list(node.outputs), set()
    while stack:
        for reader in stack.pop().consumers():
            if reader.op_type == "Softmax":
                found.add(reader)
            elif reader.op_type in SCORES:
                stack.extend(reader.outputs)
    return found


def _reduced(
    weights: ir.Value, behind: set[ir.Value], than: ir.Value | None = None
) -> list[ir.Value]:
    """Follow each reader of a whole attention to its first result that is smaller than something.

    That is the attention itself, if nothing else is given. What is computed behind the block can't
    be waited for: gradients, for instance.
    """
    found: dict[ir.Value, None] = {}
    stack = [use.node for use in weights.uses() if not _weighs_values(use.node, weights)]
    seen = set(stack)
    while stack:
        node = stack.pop()
        for value in node.outputs:
            if value in behind:
                continue
            if _size(value) < _size(weights if than is None else than):
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


def _tie(reshape: ir.Node, values: list[ir.Value]) -> None:
    assert reshape.graph is not None
    write = Writer(reshape.graph, f"{reshape.name}/read")
    wait_for(write, reshape, values)
    write.put_before(reshape)
