"""Small rewrites to plain operators: what changes no number is taken off."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import onnx_ir.passes.common as common

from vitonnx.graph import Writer

__all__ = ["DropNeutral", "Plain", "WriteErfc"]

NEUTRAL = {"Add": 0, "Sub": 0, "Mul": 1, "Div": 1}


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


class DropNeutral(ir.passes.InPlacePass):
    """Take out what adds nothing, scales by one, or gives a shape that is there. Needs shapes."""

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Rewrite in place, and remove unused nodes."""
        modified = False
        for node in list(model.graph):
            kept = _kept(node)
            if kept is not None:
                node.outputs[0].replace_all_uses_with(kept)
                modified = True
        if modified:
            common.RemoveUnusedNodesPass()(model)
        return ir.passes.PassResult(model, modified)


def _kept(node: ir.Node) -> ir.Value | None:
    """Return the input that a node passes on unchanged."""
    result = node.outputs[0] if node.outputs else None
    if result is None or result.is_graph_output() or node.domain:
        return None
    if node.op_type in ("Reshape", "Expand"):
        value = node.inputs[0]
        shape = None if value is None else value.shape
        # Two unknown sides are not known to be equal.
        known = shape is not None and all(str(side) != "None" for side in shape)
        return value if known and shape == result.shape else None
    if node.op_type not in NEUTRAL:
        return None
    left, right = node.inputs
    pairs: list[tuple[ir.Value | None, ir.Value | None]]
    pairs = [(left, right)] if node.op_type in ("Sub", "Div") else [(left, right), (right, left)]
    for value, other in pairs:
        tensor = None if other is None else other.const_value
        if value is None or tensor is None or value.shape is None or value.shape != result.shape:
            continue
        if np.all(tensor.numpy() == NEUTRAL[node.op_type]):
            return value
    return None


class WriteErfc(ir.passes.InPlacePass):
    """Write ``Erfc``, which ONNX has not and TensorFlow's GELU is made of, as 1 - Erf."""

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Rewrite in place."""
        graph = model.graph
        nodes = [node for node in graph if not node.domain and node.op_type == "Erfc"]
        for node in nodes:
            value, old = node.inputs[0], node.outputs[0]
            kind = ir.DataType.FLOAT if value is None or value.dtype is None else value.dtype
            write = Writer(graph, str(node.name))
            one = write.constant("one", np.array(1, kind.numpy()))
            erf = write.op("Erf", [value], "erf")
            rest = write.op("Sub", [one, erf], "rest", old.dtype, old.shape)
            write.put_before(node)
            old.replace_all_uses_with(rest, replace_graph_outputs=True)
            graph.remove(node, safe=True)
        return ir.passes.PassResult(model, bool(nodes))
