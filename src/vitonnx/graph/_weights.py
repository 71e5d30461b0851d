"""Weights in the layout that the graph uses them in."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

__all__ = ["TransposeWeights"]


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
