"""Remove small operations that exporters wrap around attention."""

from __future__ import annotations

import onnx_ir as ir
import onnx_ir.passes.common as common

__all__ = ["Plain"]


class Plain(ir.passes.InPlacePass):
    """Take off what changes no number of a Vision Transformer.

    Dropout and identities; and guards that put zeros where a softmax over nothing is not a number.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Rewrite in place."""
        modified = False
        for node in list(model.graph):
            if node.op_type in ("Dropout", "Identity") and not node.domain:
                modified |= _pass_through(node, node.inputs[0])
            elif node.op_type == "Where":
                modified |= _pass_through(node, _guarded(node))
        common.RemoveUnusedNodesPass()(model)
        return ir.passes.PassResult(model, modified)


def _pass_through(node: ir.Node, value: ir.Value | None) -> bool:
    """Have all readers of a node's output read something else."""
    output = node.outputs[0]
    if value is None or (output.is_graph_output() and not _may_be_output(value)):
        return False
    if output.is_graph_output():
        output.name, value.name = f"{output.name}/taken_off", output.name
    output.replace_all_uses_with(value, replace_graph_outputs=True)
    return True


def _may_be_output(value: ir.Value) -> bool:
    """Whether a value can take a graph output's name."""
    return value.producer() is not None and not value.is_graph_output()


def _guarded(node: ir.Node) -> ir.Value | None:
    """Return x of Where(IsNaN(x), 0, x)."""
    condition, _, value = node.inputs
    test = None if condition is None else condition.producer()
    is_guard = test is not None and test.op_type == "IsNaN" and test.inputs[0] is value
    return value if is_guard else None
