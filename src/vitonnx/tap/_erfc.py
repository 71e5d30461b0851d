"""The error function's complement, which Keras's own export leaves in its files."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from vitonnx.graph import constant

__all__ = ["WriteErfc"]


class WriteErfc(ir.passes.InPlacePass):
    """Write ``Erfc``, which ONNX has not and TensorFlow's GELU is made of, as 1 - Erf."""

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Rewrite in place."""
        graph = model.graph
        nodes = [node for node in graph if not node.domain and node.op_type == "Erfc"]
        for node in nodes:
            value, old = node.inputs[0], node.outputs[0]
            kind = ir.DataType.FLOAT if value is None or value.dtype is None else value.dtype
            one = constant(graph, f"{node.name}/one", np.array(1, kind.numpy()))
            erf = ir.node("Erf", [value], name=f"{node.name}/erf")
            rest = ir.node("Sub", [one, erf.outputs[0]], name=f"{node.name}/rest")
            erf.outputs[0].name, rest.outputs[0].name = erf.name, rest.name
            rest.outputs[0].type, rest.outputs[0].shape = old.type, old.shape
            graph.insert_before(node, [erf, rest])
            old.replace_all_uses_with(rest.outputs[0], replace_graph_outputs=True)
            graph.remove(node, safe=True)
        return ir.passes.PassResult(model, bool(nodes))
