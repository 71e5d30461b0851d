"""Small passes that leave out, do ahead, and put in order."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import onnx_ir as ir
import onnx_ir.passes.common as common

__all__ = ["KeepOutputs", "OrderNodes", "TransposeWeights"]


class KeepOutputs(ir.passes.InPlacePass):
    """Keep some outputs, and what they are computed from.

    A probe of block 3 never runs block 4.

    Parameters
    ----------
    names : collection of str
        Names of the outputs to keep, in any order.
    """

    def __init__(self, names: Collection[str]) -> None:
        self.names = frozenset(names)

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Cut in place."""
        graph = model.graph
        kept = [value for value in graph.outputs if value.name in self.names]
        modified = len(kept) < len(graph.outputs)
        graph.outputs[:] = kept
        common.RemoveUnusedNodesPass()(model)
        return ir.passes.PassResult(model, modified)


class TransposeWeights(ir.passes.InPlacePass):
    """Do the transpositions of weights now, and not at every start of a session.

    An initializer whose only reader is a ``Transpose`` takes its layout and keeps its name.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Transpose in place."""
        graph = model.graph
        folded = []
        for node in graph:
            weight = node.inputs[0] if node.op_type == "Transpose" else None
            if weight is None or weight.const_value is None or len(weight.uses()) > 1:
                continue
            axes = node.attributes.get_ints("perm")
            array = np.ascontiguousarray(weight.const_value.numpy().transpose(axes))
            weight.const_value = ir.tensor(array, name=weight.name)
            weight.shape = ir.Shape(array.shape)
            node.outputs[0].replace_all_uses_with(weight)
            folded.append(node)
        graph.remove(folded, safe=True)
        return ir.passes.PassResult(model, bool(folded))


class OrderNodes(ir.passes.InPlacePass):
    """Put every node right after its inputs, depth first from the outputs.

    Converters order nodes as their hash tables happen to be; two exports of one model must be the
    same bytes.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Reorder in place."""
        graph = model.graph
        before = list(graph)
        after = _depth_first(graph)
        graph.remove(after)
        graph.extend(after)
        return ir.passes.PassResult(model, before != after)


def _depth_first(graph: ir.Graph) -> list[ir.Node]:
    ordered: dict[ir.Node, None] = {}
    for output in graph.outputs:
        stack = [(output.producer(), False)]
        while stack:
            node, inputs_done = stack.pop()
            if node is None or node in ordered:
                continue
            if inputs_done:
                ordered[node] = None
                continue
            stack.append((node, True))
            stack.extend(
                (value.producer(), False) for value in reversed(node.inputs) if value is not None
            )
    return list(ordered)
