"""What providers of the runtime can do: their kernels, and the types that these take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import onnx_ir as ir

__all__ = ["ANY_PROVIDER", "PROVIDERS", "Provider", "has_kernel", "provider_of"]

Types: TypeAlias = frozenset[ir.DataType]
Kernels: TypeAlias = Mapping[str, Types]

DOUBLE = ir.DataType.DOUBLE
FLOATS: Types = frozenset((ir.DataType.FLOAT, ir.DataType.FLOAT16))
NUMBERS = FLOATS | {ir.DataType.INT32, ir.DataType.UINT32}
BYTES: Types = frozenset((ir.DataType.INT8, ir.DataType.UINT8))
TRUTH: Types = frozenset((ir.DataType.BOOL,))
DOUBLES = FLOATS | {DOUBLE}
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

ANY_PROVIDER = "any"
"""Whose kernels nobody knows yet: of graphs that are written to files."""


@dataclass(frozen=True)
class Provider:
    """What a provider can do, as far as plans hang on it; by default, all that the CPU can.

    Parameters
    ----------
    kernels : mapping of str to frozenset of DataType, optional
        Types of what an operator reads, and a cast gives. None stands for all.
    doubles : bool
        Whether it computes in double precision. OpenVINO takes single for it; and where such sums
        are divided and put together, its plug-in 1.8.1 leaves out what is behind the fourth picture
        of a batch, or gives what lay there.
    moments : bool
        Whether its norms give their mean and deviation. The package that has OpenVINO built in
        reads no graph in which one does.
    sums_in_single : bool
        Whether its softmax and reductions sum in single precision, whatever they read.
    turned : bool
        Whether its products read a factor as it lies only if they are told to: see
        `MultiplyTurned`.
    """

    kernels: Kernels | None = None
    doubles: bool = True
    moments: bool = True
    sums_in_single: bool = False
    turned: bool = False


PROVIDERS: Mapping[str, Provider] = {
    ANY_PROVIDER: Provider(doubles=False, moments=False),
    "cuda": Provider(CUDA, sums_in_single=True),
    "openvino": Provider(doubles=False, moments=False, turned=True),
    "tensorrt": Provider(sums_in_single=True),
    "webgpu": Provider(WEBGPU),
}
"""Those that differ from the CPU, by the device's name."""


def provider_of(name: str) -> Provider:
    """Give what a provider can do, by the device's name; "" is the CPU's."""
    return PROVIDERS.get(name, Provider())


def has_kernel(node: ir.Node, provider: Provider) -> bool:
    """Tell whether a provider has a kernel for a node, whose values have their types.

    Where it has none, the runtime takes the CPU's, and copies what the node reads there and back.
    """
    if node.op_type == "LayerNormalization" and len(node.outputs) > 1 and not provider.moments:
        return False
    data = [node.inputs[1 if node.op_type == "Where" else 0]]
    if node.op_type == "Cast":
        data += node.outputs
    elif not provider.doubles and any(each is not None and each.dtype == DOUBLE for each in data):
        return False
    if provider.kernels is None:
        return True
    types = provider.kernels.get(node.op_type, frozenset())
    return all(value is not None and value.dtype in types for value in data)
