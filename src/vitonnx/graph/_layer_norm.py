"""Layer norms written out in primitive operators become one ``LayerNormalization`` each."""

from __future__ import annotations

import onnx_ir as ir
from onnxscript.rewriter.rules.fusion._layer_norm import layer_normalization_ruleset

__all__ = ["FuseLayerNorms"]


class FuseLayerNorms(ir.passes.InPlacePass):
    """Fuse mean, deviation, variance, root, scale and bias into ``LayerNormalization``.

    The rules are onnxscript's: deviation squared by ``Mul`` or ``Pow``, divided by the root or
    multiplied by its reciprocal. Needs inferred types.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Fuse in place."""
        # The rules look for what some exporters leave out, as it is the default.
        for node in model.graph.all_nodes():
            if node.op_type == "ReduceMean" and "keepdims" not in node.attributes:
                node.attributes.add(ir.AttrInt64("keepdims", 1))
        return ir.passes.PassResult(model, bool(layer_normalization_ruleset.apply_to_model(model)))
