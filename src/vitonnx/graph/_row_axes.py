"""Along which axes the rows of what a node gives are rows of what it reads."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import onnx_ir as ir

from vitonnx.graph._sides import known_sides, pick_of, reduced_axes
from vitonnx.graph._write import number, numbers

__all__ = ["Cut", "input_axes"]

UNARY = frozenset(
    (
        *("Abs", "Cast", "Celu", "Clip", "Cos", "Elu", "Erf", "Exp", "Gelu", "HardSigmoid"),
        *("HardSwish", "Identity", "LeakyRelu", "Log", "Mish", "Neg", "QuickGelu", "Reciprocal"),
        *("Relu", "Selu", "Sigmoid", "Sin", "Softplus", "Softsign", "Sqrt", "Tanh"),
    )
)
BROADCAST = frozenset(
    (
        *("Add", "Div", "Max", "Min", "Mul", "PRelu", "Pow", "Sub", "Sum", "Where"),
        *("And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Or"),
    )
)
LINEAR = frozenset(("QuantizeLinear", "DequantizeLinear"))
ALONG_LAST = frozenset(
    (
        *("LayerNormalization", "LogSoftmax", "LpNormalization", "RMSNormalization"),
        *("SimplifiedLayerNormalization", "Softmax"),
    )
)
WITH_OTHER_AXES = frozenset(
    (
        *("Gather", "Slice", "Squeeze", "Unsqueeze", "ReduceL1", "ReduceL2", "ReduceLogSumExp"),
        *("ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "ReduceSumSquare"),
    )
)


@dataclass(frozen=True)
class Cut:
    """Some adjacent rows along one axis."""

    axis: int
    start: int
    stop: int


def input_axes(node: ir.Node, axis: int) -> list[int | None] | None:
    """Return the axis of each input along which a node's output can be sliced.

    Returns
    -------
    list of int or None, or None
        None for an input used in full; no list if rows depend on each other.
    """
    shape = node.outputs[0].shape
    if shape is None:
        return None
    every = tuple(range(len(shape)))
    rules: dict[str, Callable[[], list[int | None] | None]] = {
        "MatMul": lambda: _product_axes(node, axis - len(shape)),
        "Transpose": lambda: [node.attributes.get_ints("perm", every[::-1])[axis]],
        "Reshape": lambda: [axis, None] if _leading_alike(node, axis) else None,
        "MultiHeadAttention": lambda: _attention_axes(node) if axis == 1 else None,
    }
    if node.op_type in rules:
        return rules[node.op_type]()
    if node.op_type in UNARY:
        return [axis, *[None] * (len(node.inputs) - 1)]
    if node.op_type in LINEAR and number(node.inputs[1]) is not None:
        return [axis, *[None] * (len(node.inputs) - 1)]  # one scale for all rows
    if node.op_type in ALONG_LAST:
        last = node.attributes.get_int("axis", -1) % len(shape) == len(shape) - 1
        return [axis, *[None] * (len(node.inputs) - 1)] if last and axis < len(shape) - 1 else None
    if node.op_type == "Concat":
        along = node.attributes.get_int("axis") % len(shape)
        return None if axis == along else [axis] * len(node.inputs)
    if node.op_type in WITH_OTHER_AXES:
        source = _axis_before(node, axis)
        return None if source is None else [source, *[None] * (len(node.inputs) - 1)]
    if node.op_type in BROADCAST:
        return _broadcast_axes(node.inputs, axis - len(shape))
    return None


def _attention_axes(node: ir.Node) -> list[int | None]:
    """Slice queries, rows of (batch, tokens, dim), and the bias added to their scores."""
    axes: list[int | None] = [None] * len(node.inputs)
    axes[0] = 1
    bias = node.inputs[5] if len(node.inputs) > 5 else None
    if bias is not None and bias.shape is not None and bias.shape[2] != 1:
        axes[5] = 2
    return axes


def _product_axes(node: ir.Node, from_last: int) -> list[int | None] | None:
    """Rows of a product are rows of its first factor."""
    first = node.inputs[0]
    if from_last != -2 or first is None or first.shape is None or len(first.shape) < 2:
        return None
    return [len(first.shape) - 2, None]


def _broadcast_axes(inputs: Iterable[ir.Value | None], from_last: int) -> list[int | None] | None:
    axes: list[int | None] = []
    for value in inputs:
        if value is None or value.shape is None:
            return None
        whole = len(value.shape) < -from_last or value.shape[from_last] == 1
        axes.append(None if whole else len(value.shape) + from_last)
    return axes


def _leading_alike(node: ir.Node, axis: int) -> bool:
    """Whether a reshape leaves this axis, and all before it, as they are."""
    source, target = node.inputs[0], numbers(node.inputs[1])
    shape = node.outputs[0].shape
    if source is None or source.shape is None or shape is None or target is None:
        return False
    if len(source.shape) <= axis:
        return False
    before = zip(target, source.shape, shape, strict=False)
    # 0 copies a side of the source, such as the batch, whose name may have changed on the way.
    alike = all(side == 0 or old == new for side, old, new in itertools.islice(before, axis + 1))
    return alike and target[axis] != -1 and node.attributes.get_int("allowzero", 0) == 0


def _axis_before(node: ir.Node, axis: int) -> int | None:
    """Follow an axis back through what leaves some axes out, puts some in, or changes others."""
    sides = known_sides(node.inputs[0])
    if sides is None:
        return None
    if node.op_type in ("Slice", "Gather"):
        picks = pick_of(node)
        gone = [pick.axis for pick in picks or () if pick.drops]
        changed = [pick.axis for pick in picks or () if not pick.drops]
        known = picks is not None
    elif node.op_type == "Unsqueeze":
        put_in = numbers(node.inputs[1])
        rank = len(sides) + len(put_in or ())
        there = [place for place in range(rank) if place not in {p % rank for p in put_in or ()}]
        return there.index(axis) if put_in is not None and axis in there else None
    elif node.op_type == "Squeeze":
        axes = numbers(node.inputs[1]) if len(node.inputs) > 1 else None
        gone, changed, known = [place % len(sides) for place in axes or ()], [], axes is not None
    else:
        axes = reduced_axes(node, len(sides))
        keeps = node.attributes.get_int("keepdims", 1)
        gone, changed = ([], axes or []) if keeps else (axes or [], [])
        known = axes is not None
    left = [place for place in range(len(sides)) if place not in gone]
    return left[axis] if known and left[axis] not in changed else None
