"""Precision of a graph's products, and bits of its stored weights."""

from __future__ import annotations

import onnx_ir as ir

from vitonnx.engine import Precision
from vitonnx.modelfile import WHOLE

__all__ = ["in_words", "precision_of"]

FOUR_BITS = frozenset[ir.DataType | None](
    (ir.DataType.INT4, ir.DataType.UINT4, ir.DataType.FLOAT4E2M1)
)
PRODUCTS = frozenset(("Einsum", "FusedMatMul", "Gemm", "MatMul", "MatMulBnb4", "MatMulNBits"))
IN_EIGHT = 4  # the accuracy level of MatMulNBits that rounds its other factor to 8 bits
FLOATS: dict[ir.DataType | None, Precision] = {
    ir.DataType.FLOAT16: "fp16",
    ir.DataType.BFLOAT16: "bf16",
}


def precision_of(graph: ir.Graph) -> Precision:
    """Return the lowest precision of a graph's products. Needs types."""
    products = [node for node in graph if node.op_type in PRODUCTS]
    for node in graph:
        level = node.attributes.get_int("accuracy_level", 0)
        if node.op_type in WHOLE or (node.op_type == "MatMulNBits" and level == IN_EIGHT):
            return "int8"
    for node in products:
        if node.outputs[0].dtype in FLOATS:
            return FLOATS[node.outputs[0].dtype]
    return "fp32"


def in_words(graph: ir.Graph, precision: Precision) -> str:
    """Describe a precision, including weights stored in fewer bits."""
    few = sorted({bits for node in graph if (bits := _bits(node)) is not None})
    if not few:
        return precision
    return f"{precision}, weights kept in {' and '.join(map(str, few))} bits"


def _bits(node: ir.Node) -> int | None:
    """Return the bits of a node's weights if fewer than eight."""
    if node.op_type == "MatMulBnb4":
        return 4
    if node.op_type in ("GatherBlockQuantized", "MatMulNBits"):
        return node.attributes.get_int("bits", 4)
    if node.op_type != "DequantizeLinear" or node.inputs[0] is None:
        return None
    return 4 if node.inputs[0].dtype in FOUR_BITS else None
