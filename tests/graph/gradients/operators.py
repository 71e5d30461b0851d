"""Every operator that has a rule, with all that makes its rule differ."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from graph.gradients.differences import BATCH as N
from graph.gradients.differences import Case, Varied, case, vary, vary_apart, vary_positive

Given: TypeAlias = Varied | NDArray[np.float32]


def weights(*shape: int, seed: int = 9) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def positive(*shape: int) -> NDArray[np.float32]:
    return np.asarray(np.abs(weights(*shape)) + 0.5, np.float32)


PAIRS: list[tuple[Given, Given]] = [
    (vary_positive(N, 3, 5), vary_positive(N, 3, 5)),
    (vary_positive(N, 3, 5), vary_positive(5)),
    (vary_positive(3, 1), vary_positive(N, 3, 5)),
    (vary_positive(N, 1, 5), vary_positive(N, 3, 1)),
    (vary_positive(N, 3, 5), positive(3, 5)),
    (positive(1, 5), vary_positive(N, 3, 5)),
]
APART: list[tuple[Given, Given]] = [
    (vary_apart(N, 3, 5), vary_apart(N, 3, 5)),
    (vary_apart(N, 3, 1), vary_apart(5)),
]

ELEMENTWISE = [
    *(case(kind, *pair) for kind in ("Add", "Sub", "Mul", "Div", "Pow") for pair in PAIRS),
    case("Sum", vary(N, 3, 5), vary(5), vary(N, 1, 1)),
    case("Sum", vary(N, 3, 5)),
    *(
        case("Pow", vary_positive(N, 3, 5), np.asarray(power, np.float32))
        for power in (2.0, 3.0, 0.5, -0.5, 1.0, -1.0, 1.7)
    ),
    *(case("Pow", vary(N, 3, 5), np.asarray(power)) for power in (2, 3, 1, 0)),
    case("Pow", vary_positive(N, 3, 5), np.asarray([2, 3, 1, 0, 5])),
    *(case(kind, *pair) for kind in ("Max", "Min") for pair in APART),
    case("Max", vary_apart(N, 3, 5), np.asarray(0.0, np.float32)),
    case("Min", vary_apart(N, 3, 5), vary_apart(N, 3, 1), weights(3, 5)),
    case("Where", np.asarray([[True, False, True, False, True]]), vary(N, 3, 5), vary(N, 3, 5)),
    case("Where", np.asarray([[True], [False], [True]]), vary(N, 3, 5), vary(5)),
    case("Where", np.asarray([True, False, True, False, True]), vary(N, 1, 1), weights(3, 5)),
]

KINKED = ("Softsign", "Abs", "Relu", "HardSigmoid", "HardSwish", "LeakyRelu", "Selu")
SMOOTH = (
    *("Neg", "Exp", "Sin", "Cos", "Tanh", "Sigmoid", "Softplus", "Erf", "Gelu", "Elu", "Celu"),
    "Mish",
)
POSITIVE = ("Log", "Sqrt", "Reciprocal")

ACTIVATIONS = [
    *(case(kind, vary_apart(N, 3, 5)) for kind in KINKED),
    *(case(kind, vary(N, 3, 5)) for kind in SMOOTH),
    *(case(kind, vary_positive(N, 3, 5)) for kind in POSITIVE),
    case("HardSigmoid", vary_apart(N, 3, 5), alpha=0.5, beta=0.25),
    case("LeakyRelu", vary_apart(N, 3, 5), alpha=0.3),
    case("Elu", vary_apart(N, 3, 5), alpha=0.7),
    case("Celu", vary(N, 3, 5), alpha=0.7),
    case("Selu", vary_apart(N, 3, 5), alpha=1.3, gamma=0.7),
    case("PRelu", vary_apart(N, 3, 5), weights(3, 1)),
    case("PRelu", vary_apart(N, 3, 5), vary(5)),
    case("Gelu", vary(N, 3, 5), approximate="tanh"),
    case("Gelu", vary(N, 3, 5), approximate="none"),
    case("QuickGelu", vary(N, 3, 5), domain="com.microsoft", gives=(N, 3, 5)),
    case("QuickGelu", vary(N, 3, 5), domain="com.microsoft", gives=(N, 3, 5), alpha=1.0),
    case("FastGelu", vary(N, 3, 5), domain="com.microsoft", gives=(N, 3, 5)),
    case("FastGelu", vary(N, 3, 5), vary(5), domain="com.microsoft", gives=(N, 3, 5)),
    case("Softmax", vary(N, 3, 5)),
    case("LogSoftmax", vary(N, 3, 5)),
    case("Clip", vary_apart(N, 3, 5), np.float32(-0.5), np.float32(0.25)),
    case("Clip", vary_apart(N, 3, 5), None, np.float32(0.25)),
    case("Clip", vary_apart(N, 3, 5), np.float32(-0.25)),
    *(
        case(kind, vary(N, 3, 5), axis=axis)
        for kind in ("Softmax", "LogSoftmax")
        for axis in (1, -1, -2)
    ),
]

PRODUCTS = [
    case("MatMul", vary(N, 3, 5), vary(5, 7)),
    case("MatMul", vary(3, 5), vary(N, 5, 7)),
    case("MatMul", vary(N, 2, 3, 5), vary(N, 2, 5, 7)),
    case("MatMul", vary(N, 1, 3, 5), vary(2, 5, 7)),
    case("MatMul", vary(N, 2, 3, 5), vary(1, 5, 7)),
    case("MatMul", vary(N, 3, 5), vary(5)),
    case("MatMul", vary(5), vary(N, 5, 7)),
    case("MatMul", vary(5), vary(5, 7)),
    case("MatMul", vary(3, 5), vary(5)),
    case("MatMul", vary(N, 5), vary(5)),
    case("MatMul", vary(5), vary(5)),
    case("MatMul", vary(N, 3, 5), weights(5, 7)),
    case("MatMul", vary(N, 3, 5), weights(5, 1)),
    case("MatMul", vary(N, 1, 5), weights(5, 7)),
    case("MatMul", weights(7, 3), vary(N, 3, 5)),
    case("MatMul", vary(N, 5, 1), vary(N, 1, 7)),
    case("Gemm", vary(N, 5), vary(5, 7), vary(7)),
    case("Gemm", vary(N, 5), vary(7, 5), vary(N, 1), alpha=0.5, beta=2.0, transB=1),
    case("Gemm", vary(5, 3), vary(5, 7), vary(3, 7), alpha=-0.5, transA=1),
    case("Gemm", vary(5, 3), vary(7, 5), vary(1, 7), beta=0.25, transA=1, transB=1),
    case("Gemm", vary(N, 5), weights(5, 1)),
    case("Gemm", vary(N, 5), weights(5, 7), weights(1)),
    case("Einsum", vary(N, 3, 5), vary(N, 7, 5), equation="bqd,bkd->bqk"),
    case("Einsum", vary(N, 3, 5), vary(5, 7), equation="bqd, de -> bqe"),
    case("Einsum", vary(N, 3, 5), vary(5, 7), equation="bqd,de->be"),
    case("Einsum", vary(N, 3, 5), equation="bqd->bdq"),
    case("Einsum", vary(N, 3, 5), weights(3), vary(N, 5), equation="bqd,q,bd->bq"),
    case("Einsum", vary(N, 1, 5), weights(5, 7), equation="bqd,de->bqe"),
    case("Conv", vary(N, 3, 7, 11), weights(5, 3, 2, 3), weights(5), strides=[2, 3]),
    case("Conv", vary(N, 3, 7, 5), weights(5, 3, 2, 2), strides=[3, 3]),
    case("Conv", vary(N, 3, 7, 5), weights(5, 3, 3, 2), pads=[1, 0, 2, 1], dilations=[2, 3]),
    case("Conv", vary(N, 3, 5, 5), weights(5, 3, 2, 2), pads=[0, 0, 2, 2], strides=[2, 2]),
    case("Conv", vary(N, 3, 5, 5), weights(5, 3, 2, 2), pads=[2, 1, 0, 1], strides=[2, 2]),
    case("Conv", vary(N, 4, 5, 7), weights(6, 2, 3, 3), group=2, pads=[1, 1, 1, 1]),
    case("Conv", vary(N, 3, 5, 7), weights(3, 1, 3, 3), group=3, pads=[1, 1, 1, 1]),
    case("Conv", vary(N, 3, 5, 7), weights(5, 3, 2, 3), auto_pad="VALID", strides=[2, 2]),
    case("Conv", vary(N, 3, 5, 8), weights(5, 3, 2, 3), auto_pad="SAME_UPPER", strides=[2, 2]),
    case("Conv", vary(N, 3, 5, 8), weights(5, 3, 2, 3), auto_pad="SAME_LOWER"),
    case("Conv", vary(N, 3, 11), weights(5, 3, 2), strides=[2]),
    case("Conv", vary(N, 2, 3, 5, 3), weights(3, 2, 2, 2, 2), strides=[1, 2, 1]),
]

NORMS = [
    case("LayerNormalization", vary(N, 3, 5), weights(5), weights(5)),
    case("LayerNormalization", vary(N, 3, 5), weights(5), epsilon=0.1),
    case("LayerNormalization", vary(N, 3, 5), weights(3, 5), weights(3, 5), axis=1),
    case("LayerNormalization", vary(N, 3, 5), weights(3, 5), axis=-2),
    case("SimplifiedLayerNormalization", vary(N, 3, 5), weights(5), gives=(N, 3, 5), epsilon=0.1),
    case("RMSNormalization", vary(N, 3, 5), weights(5), epsilon=0.1, opset=23),
    case("RMSNormalization", vary(N, 3, 5), weights(3, 5), axis=-2, opset=23),
    case("LpNormalization", vary(N, 3, 5)),
    case("LpNormalization", vary(N, 3, 5), axis=1),
    case("LpNormalization", vary_apart(N, 3, 5), p=1, axis=-1),
    case(
        "BatchNormalization",
        vary(N, 5, 3, 2),
        weights(5),
        weights(5),
        weights(5),
        positive(5),
        epsilon=0.1,
    ),
    case("BatchNormalization", vary(N, 5), weights(5), weights(5), weights(5), positive(5)),
    case("InstanceNormalization", vary(N, 3, 5, 2), weights(3), weights(3), epsilon=0.1),
    case(
        "GroupNormalization",
        vary(N, 6, 5, 2),
        weights(6),
        weights(6),
        num_groups=3,
        gives=(N, 6, 5, 2),
    ),
]

AXES = np.asarray([-1]), np.asarray([1]), np.asarray([2, 1]), None
REDUCTIONS = [
    *(
        case(kind, of(N, 3, 5), axes, keepdims=keeps)
        for kind, of in (
            ("ReduceSum", vary),
            ("ReduceMean", vary),
            ("ReduceSumSquare", vary),
            ("ReduceL2", vary),
            ("ReduceL1", vary_apart),
            ("ReduceMax", vary_apart),
            ("ReduceMin", vary_apart),
            ("ReduceLogSumExp", vary),
        )
        for axes in AXES[:3]
        for keeps in (0, 1)
    ),
    case("ReduceSum", vary(N, 3, 5)),
    case("ReduceSum", vary(N, 3, 5), keepdims=0),
    case("ReduceSum", vary(N, 3, 5), np.asarray([0]), keepdims=0),
    case("ReduceMean", vary(N, 3, 5), noop_with_empty_axes=1),
    case("ReduceMean", vary(2, 3, 5)),
    case("GlobalAveragePool", vary(N, 3, 5, 2)),
    case("AveragePool", vary(N, 3, 7, 5), kernel_shape=[2, 3], strides=[2, 1]),
    case("AveragePool", vary(N, 3, 7, 5), kernel_shape=[3, 2], pads=[1, 0, 1, 1]),
    case(
        "AveragePool",
        vary(N, 3, 7, 5),
        kernel_shape=[3, 2],
        pads=[1, 0, 1, 1],
        count_include_pad=1,
    ),
    case("CumSum", vary(N, 3, 5), np.asarray(1)),
    case("CumSum", vary(N, 3, 5), np.asarray(-1), exclusive=1, reverse=1),
]

FORMS = [
    case("Cast", vary(N, 3, 5), to=1),
    case("Identity", vary(N, 3, 5)),
    case("Dropout", vary(N, 3, 5)),
    case("Reshape", vary(N, 6, 5), np.asarray([0, 2, 3, 5])),
    case("Reshape", vary(N, 6, 5), np.asarray([-1, 30])),
    case("Reshape", vary(N, 6, 5), np.asarray([-1, 5])),
    case("Reshape", vary(N, 6, 5), np.asarray([-1, 5, 6])),
    case("Reshape", vary(N, 2, 3, 5), np.asarray([0, -1, 5])),
    case("Reshape", vary(N, 3, 4), np.asarray([-1, 2, 2, 3])),
    case("Flatten", vary(N, 3, 5)),
    case("Flatten", vary(N, 3, 5), axis=2),
    case("Flatten", vary(N, 3, 5), axis=-1),
    case("Squeeze", vary(N, 1, 5, 1), np.asarray([1, -1])),
    case("Unsqueeze", vary(N, 3, 5), np.asarray([1, -1])),
    case("Transpose", vary(N, 3, 5)),
    case("Transpose", vary(N, 2, 3, 5), perm=[2, 0, 3, 1]),
    case("Expand", vary(1, 3, 1), np.asarray([2, 3, 5])),
    case("Expand", vary(N, 1, 5), np.asarray([1, 3, 1])),
    case("Expand", vary(3, 1), np.asarray([2, 3, 5])),
    case("Concat", vary(N, 3, 5), vary(N, 2, 5), axis=1),
    case("Concat", vary(N, 1, 5), vary(N, 1, 5), vary(N, 7, 5), axis=-2),
    case("Split", vary(N, 6, 5), outputs=3, axis=1, num_outputs=3),
    case("Split", vary(N, 3, 7), np.asarray([2, 1, 4]), outputs=3, axis=-1),
    case("Slice", vary(N, 7, 5), [1], [3], [1]),
    case("Slice", vary(N, 7, 5), [1, -4], [-1, -1], [2, 1]),
    case("Slice", vary(N, 7, 5), [0, 1], [2**31 - 1, 2**31 - 1], [0, 2], [1, 2]),
    case("Slice", vary(N, 7, 5), [-1, 4], [-(2**31), 0], [1, 2], [-1, -2]),
    case("Slice", vary(N, 7, 5), [0, 0, 2], [2**31 - 1, 1, 4]),
    case("Gather", vary(N, 7, 5), np.asarray(0), axis=1),
    case("Gather", vary(N, 7, 5), np.asarray(-1), axis=-1),
    case("Gather", vary(N, 7, 5), np.asarray([2, 3]), axis=1),
    case("Gather", vary(N, 7, 5), np.asarray([5, 0, 3]), axis=1),
    case("Gather", vary(N, 7, 5), np.asarray([2, 2, -1, 0]), axis=1),
    case("Gather", vary(N, 7, 5), np.asarray([[6, 1, 2], [3, 4, 0]]), axis=1),
    case("Gather", vary(N, 7, 5), np.asarray([[0, 1], [1, 2], [2, 3]]), axis=-1),
    case("Gather", vary(7, 5), np.asarray([[0, 1], [1, 2], [2, 3]])),
    case("GatherElements", vary(2, 7, 5), np.tile([[[0], [3], [3]]], (2, 1, 5)), axis=1),
    case("Tile", vary(N, 3, 5), np.asarray([1, 2, 3])),
    case("Tile", vary(N, 1, 5), np.asarray([1, 3, 1])),
    case("Pad", vary(N, 3, 5), np.asarray([0, 1, 0, 0, 2, 3])),
    case("Pad", vary(N, 3, 5), np.asarray([1, 2]), np.float32(0.5), np.asarray([-1])),
    case("DepthToSpace", vary(N, 12, 3, 5), blocksize=2),
    case("DepthToSpace", vary(N, 12, 3, 5), blocksize=2, mode="CRD"),
    case("SpaceToDepth", vary(N, 3, 4, 6), blocksize=2),
    case("Trilu", vary(N, 5, 5), np.asarray(1), upper=0),
    case("Trilu", vary(N, 3, 5)),
]

CASES: list[Case] = [
    *ELEMENTWISE, *ACTIVATIONS, *PRODUCTS, *NORMS, *REDUCTIONS, *FORMS,
]  # fmt: skip
