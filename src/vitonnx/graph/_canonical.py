"""Turn a converter's primitive operators into the canonical graph."""

from __future__ import annotations

from collections.abc import Collection

import onnx_ir as ir
import onnx_ir.passes.common as common
from onnxscript.rewriter import RewritePass
from onnxscript.rewriter.rules.common import no_op_cast_rule
from onnxscript.version_converter import ConvertVersionPass

from vitonnx.errors import ModelFileError
from vitonnx.graph._find_blocks import find_blocks
from vitonnx.graph._fuse_layers import FuseGelus, FuseLayerNorms
from vitonnx.graph._node_names import NameNodes
from vitonnx.graph._reshape import FreeReshapes
from vitonnx.graph._tidy import OrderNodes, TransposeWeights

__all__ = ["IR_VERSION", "OPSET", "canonicalise"]

# What every onnxruntime since 1.20 reads.
OPSET = 21
IR_VERSION = 10


def canonicalise(model: ir.Model, weights: Collection[str]) -> None:
    """Bring a Vision Transformer's graph into canonical form, in place.

    Per block two ``LayerNormalization``, one ``Gelu`` and two ``MatMul`` around one ``Softmax``,
    reshapes that do not mention the grid, nodes in one order and with names that tell the block;
    opset 21, IR version 10.

    Parameters
    ----------
    model : onnx_ir.Model
        A Vision Transformer in primitive operators.
    weights : collection of str
        Names of the initializers that are the network's weights; they keep their names.

    Raises
    ------
    ModelFileError
        If no attention block is found.
    """
    ir.passes.Sequential(
        ConvertVersionPass(OPSET),
        common.ShapeInferencePass(),
        FuseLayerNorms(),
        FuseGelus(),
        RewritePass([no_op_cast_rule]),
        common.IdentityEliminationPass(),
        common.RemoveUnusedNodesPass(),
        common.ShapeInferencePass(),
        FreeReshapes(),
        TransposeWeights(),
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        common.RemoveUnusedNodesPass(),
        common.RemoveUnusedOpsetsPass(),
        OrderNodes(),
    )(model)
    if not find_blocks(model.graph):
        raise ModelFileError("The graph has no attention block, so it is not a Vision Transformer.")
    NameNodes(frozenset(weights))(model)
    common.ClearMetadataAndDocStringPass()(model)
    model.ir_version = IR_VERSION
