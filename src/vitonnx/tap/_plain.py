"""Small things that exporters wrap round attention, taken off."""

from __future__ import annotations

import onnx_ir as ir
import onnx_ir.passes.common as common

__all__ = ["Plain"]


class Plain(ir.passes.InPlacePass):
    """Take off what changes no number of a Vision Transformer.

    Dropout and identities; guards that put zeros where a softmax over nothing is not a number; and
    a softmax written as an exponential over its sum, which becomes one. Needs shapes.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Rewrite in place."""
        modified = False
        for node in list(model.graph):
            if node.op_type in ("Dropout", "Identity") and not node.domain:
                modified |= _pass_through(node, node.inputs[0])
            elif node.op_type == "Where":
                modified |= _pass_through(node, _guarded(node))
            elif node.op_type == "Div":
                modified |= _join_softmax(model.graph, node)
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
    """Give x of Where(IsNaN(x), 0, x)."""
    condition, _, value = node.inputs
    test = None if condition is None else condition.producer()
    is_guard = test is not None and test.op_type == "IsNaN" and test.inputs[0] is value
    return value if is_guard else None


def _join_softmax(graph: ir.Graph, node: ir.Node) -> bool:
    """Make one softmax of exp(x) / sum(exp(x)), over whichever axis."""
    top, bottom = node.inputs
    power = None if top is None else top.producer()
    total = None if bottom is None else bottom.producer()
    while total is not None and total.op_type in ("Reshape", "Unsqueeze"):
        total = None if total.inputs[0] is None else total.inputs[0].producer()
    if power is None or total is None or top is None or top.shape is None:
        return False
    sums = total.op_type == "ReduceSum" and total.inputs[0] is top
    sides = None if bottom is None else bottom.shape
    if power.op_type != "Exp" or not sums or sides is None or len(sides) != len(top.shape):
        return False
    summed = [axis for axis, side in enumerate(sides) if side == 1 and top.shape[axis] != 1]
    if len(summed) != 1:
        return False
    softmax = ir.node(
        "Softmax", [power.inputs[0]], {"axis": summed[0]}, name=f"{node.name}/softmax"
    )
    old, new = node.outputs[0], softmax.outputs[0]
    new.shape, new.type = old.shape, old.type
    new.name, old.name = old.name, f"{old.name}/written_out"
    graph.insert_before(node, softmax)
    old.replace_all_uses_with(new, replace_graph_outputs=True)
    return True
