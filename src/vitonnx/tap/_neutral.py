"""Remove operations without effect: sums with zeros, such as empty masks, products with ones."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import onnx_ir.passes.common as common

__all__ = ["DropNeutral"]

NEUTRAL = {"Add": 0, "Sub": 0, "Mul": 1, "Div": 1}


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
