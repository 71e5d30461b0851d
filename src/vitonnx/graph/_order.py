"""The one order of nodes that depends on nothing but the graph itself."""

from __future__ import annotations

import onnx_ir as ir

__all__ = ["OrderNodes"]


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
