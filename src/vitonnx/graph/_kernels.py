"""What providers of the runtime have kernels of: operators, and the types that these take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import onnx_ir as ir

__all__ = ["ANY_PROVIDER", "KERNELS", "has_kernel"]

Types: TypeAlias = frozenset[ir.DataType]
Kernels: TypeAlias = Mapping[str, Types]

FLOATS: Types = frozenset((ir.DataType.FLOAT, ir.DataType.FLOAT16))
NUMBERS = FLOATS | {ir.DataType.INT32, ir.DataType.UINT32}
BYTES: Types = frozenset((ir.DataType.INT8, ir.DataType.UINT8))
TRUTH: Types = frozenset((ir.DataType.BOOL,))
DOUBLES = FLOATS | {ir.DataType.DOUBLE}
SIGNED = DOUBLES | {ir.DataType.INT32, ir.DataType.INT64}
LARGE = SIGNED | {ir.DataType.UINT32}
ANY = LARGE | TRUTH | BYTES


def _of(types: Types, *operators: str) -> dict[str, Types]:
    return dict.fromkeys(operators, types)


# As onnxruntime 1.27 has them, and as far as plans use them.
WEBGPU: Kernels = {
    **_of(NUMBERS, "Add", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"),
    **_of(NUMBERS, "Mul", "Neg", "Pow", "Sub", "Where"),
    **_of(NUMBERS, "Concat", "Expand", "Gather", "Identity", "Reshape", "Slice", "Split"),
    **_of(NUMBERS, "Squeeze", "Transpose", "Unsqueeze"),
    **_of(NUMBERS, "ArgMax", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum"),
    **_of(FLOATS, "Conv", "Gelu", "Gemm", "LayerNormalization", "MatMul", "MultiHeadAttention"),
    **_of(FLOATS, "Cos", "Erf", "Exp", "HardSigmoid", "Log", "Reciprocal", "Sigmoid", "Sin"),
    **_of(FLOATS, "ConvTranspose", "Pad", "Relu", "Softmax", "Sqrt", "Tanh", "TopK"),
    "Cast": NUMBERS | TRUTH,
    "DequantizeLinear": BYTES,
    "Shape": ANY,
}
# As onnxruntime 1.26 has them for operators of opset 21, and as far as plans use them:
# docs/OperatorKernels.md there, with the newer versions of ReduceMax, ReduceMin and Pad.
CUDA: Kernels = {
    **_of(ANY, "Cast", "Concat", "Expand", "Gather", "Identity", "Reshape", "Shape", "Slice"),
    **_of(ANY, "Split", "Squeeze", "Transpose", "Unsqueeze"),
    **_of(LARGE, "Add", "Div", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Min"),
    **_of(LARGE, "Mul", "Sub"),
    **_of(SIGNED, "Neg", "Pow", "ReduceMax", "ReduceMin", "ReduceSum", "TopK", "Where"),
    **_of(DOUBLES, "ArgMax", "Conv", "Gelu", "Gemm", "LayerNormalization", "MatMul", "ReduceMean"),
    **_of(DOUBLES, "Cos", "Erf", "Exp", "HardSigmoid", "IsNaN", "Log", "Reciprocal", "Sigmoid"),
    **_of(DOUBLES, "ConvTranspose", "Pad", "Relu", "Sin", "Softmax", "Sqrt", "Tanh"),
    **_of(TRUTH, "And", "Not", "Or"),
    "DequantizeLinear": BYTES,
    "Equal": LARGE | TRUTH,
    "MultiHeadAttention": FLOATS,
}

KERNELS: Mapping[str, Kernels] = {"cuda": CUDA, "webgpu": WEBGPU}
"""Types of what an operator reads, and a cast gives, by the device's name; others take all."""

# OpenVINO computes doubles in single precision. Where such sums are divided and put together, its
# plug-in 1.8.1 leaves out what is behind the fourth picture of a batch, or gives what lay there.
ANY_PROVIDER = "any"
"""Whose kernels nobody knows yet: of graphs that are written to files."""
WITHOUT_DOUBLES = frozenset((ANY_PROVIDER, "openvino"))
# The package that has OpenVINO built in reads no graph in which a norm gives more than that.
ONE_OUTPUT = frozenset(("LayerNormalization",))


def has_kernel(node: ir.Node, provider: str) -> bool:
    """Tell whether a provider has a kernel for a node, whose values have their types.

    Where it has none, the runtime takes the CPU's, and copies what the node reads there and back.
    """
    data = [node.inputs[1 if node.op_type == "Where" else 0]]
    if provider in WITHOUT_DOUBLES:
        doubles = any(value is not None and value.dtype == ir.DataType.DOUBLE for value in data)
        several = node.op_type in ONE_OUTPUT and len(node.outputs) > 1
        return node.op_type == "Cast" or not (doubles or several)
    if provider not in KERNELS:
        return True
    if node.op_type == "Cast":
        data += node.outputs
    types = KERNELS[provider].get(node.op_type, frozenset())
    return all(value is not None and value.dtype in types for value in data)
