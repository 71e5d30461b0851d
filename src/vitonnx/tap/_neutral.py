"""Sums with zeros and products with ones, such as masks that mask nothing."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import onnx_ir.passes.common as common

__all__ = ["DropNeutral"]

NEUTRAL = {"Add": 0, "Sub": 0, "Mul": 1, "Div": 1}


class DropNeutral(ir.passes.InPlacePass):
    """Take out what adds nothing and scales by one. Needs shapes."""

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Rewrite in place; what is no longer used is removed."""
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
    """Give the input that a node passes on as it is."""
    result = node.outputs[0] if node.outputs else None
    if node.op_type not in NEUTRAL or result is None or result.is_graph_output():
        return None
    left, right = node.inputs
    pairs = [(left, right)] if node.op_type in ("Sub", "Div") else [(left, right), (right, left)]
    for value, other in pairs:
        tensor = None if other is None else other.const_value
        if value is None or tensor is None or value.shape is None or value.shape != result.shape:
            continue
        if np.all(tensor.numpy() == NEUTRAL[node.op_type]):
            return value
    return None
