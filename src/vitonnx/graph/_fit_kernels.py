"""Rewrite what a provider has no kernel for, so that large arrays stay on its device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import onnx_ir as ir
import onnx_ir.passes.common as common

from vitonnx.graph._providers import Provider, has_kernel
from vitonnx.graph._write import Writer, number

__all__ = ["FitKernels"]

DOUBLE, SINGLE = ir.DataType.DOUBLE, ir.DataType.FLOAT
Rewrite: TypeAlias = Callable[[ir.Node, Writer], ir.Value | Sequence[ir.Value] | None]
# What sums up and puts together, and takes no differences, which doubles are for.
SUMS = frozenset(("Concat", "Div", "ReduceSum", "Unsqueeze"))


class FitKernels(ir.passes.InPlacePass):
    """Replace nodes without a kernel by equal ones that have one; needs inferred types.

    - Pixels, bytes that are cast to numbers, become a dequantisation with scale 1: a quarter of
      what numbers take is copied to the device.
    - The larger of a number and 0, and the place of the largest number as a number, are computed by
      operators that more providers have.
    - Sums of numbers that are cast to doubles are taken in single precision, and the last is cast,
      on the CPU: as few numbers as there are heads.
    - A norm gives what it normalises; its mean and the inverse of its deviation, which gradients
      read, are computed beside it.

    What no rule is for stays, and runs on the CPU, as arithmetic of shapes does.

    Parameters
    ----------
    provider : Provider
        Whose kernels these are.
    """

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Rewrite in place, and remove unused nodes."""
        modified = False
        for node in list(model.graph):
            if not has_kernel(node, self.provider):
                modified |= any(self._takes(rewrite, node) for rewrite in REWRITES)
        if modified:
            common.RemoveUnusedNodesPass()(model)
        return ir.passes.PassResult(model, modified)

    def _takes(self, rewrite: Rewrite, node: ir.Node) -> bool:
        """Rewrite a node, if the rule is for it."""
        assert node.graph is not None
        write = Writer(node.graph, f"{node.name}/fitted")
        found = rewrite(node, write)
        if found is None:
            return False
        write.put_before(node)
        values = (found,) if isinstance(found, ir.Value) else found
        for old, value in zip(node.outputs, values, strict=False):  # the last may have no name
            if old.is_graph_output():
                value.name, old.name = old.name, f"{old.name}/unfitted"
            old.replace_all_uses_with(value, replace_graph_outputs=True)
        return True


def _dequantised(node: ir.Node, write: Writer) -> ir.Value | None:
    """Read bytes as numbers of scale 1, in place of a cast."""
    source, result = node.inputs[0], node.outputs[0]
    if node.op_type != "Cast" or source is None or source.dtype != ir.DataType.UINT8:
        return None
    scale = write.constant("scale", np.ones((), (result.dtype or SINGLE).numpy()))
    return write.op("DequantizeLinear", [source, scale], "", result.dtype, result.shape)


def _rectified(node: ir.Node, write: Writer) -> ir.Value | None:
    """Take the larger of a number and 0."""
    result = node.outputs[0]
    if node.op_type != "Max" or result.dtype != SINGLE or len(node.inputs) != 2:
        return None
    if number(node.inputs[1]) != 0:
        return None
    return write.op("Relu", node.inputs[:1], "", result.dtype, result.shape)


def _placed(node: ir.Node, write: Writer) -> ir.Value | None:
    """Find the place of the largest number, the first of several, without whole numbers."""
    result = node.outputs[0]
    picked = None if node.inputs[0] is None else node.inputs[0].producer()
    if node.op_type != "Cast" or result.dtype != SINGLE or picked is None:
        return None
    source = picked.inputs[0]
    if picked.op_type != "ArgMax" or source is None or source.shape is None:
        return None
    axis = picked.attributes.get_int("axis", 0) % len(source.shape)
    count, from_last = source.shape[axis], len(source.shape) - axis
    if not isinstance(count, int) or picked.attributes.get_int("select_last_index", 0) != 0:
        return None
    along = write.constant("axis", [axis])
    sides = [1 if place == axis else side for place, side in enumerate(source.shape)]
    largest = write.op("ReduceMax", [source, along], "largest", source.dtype, sides, keepdims=1)
    same = write.op("Equal", [source, largest], "same", ir.DataType.BOOL, source.shape)
    index = np.arange(count, dtype=np.float32).reshape(-1, *[1] * (from_last - 1))
    places = [write.constant("index", index), write.constant("beyond", np.float32(count))]
    where = write.op("Where", [same, *places], "places", SINGLE, source.shape)
    kept = picked.attributes.get_int("keepdims", 1)
    return write.op("ReduceMin", [where, along], "", SINGLE, result.shape, keepdims=kept)


def _cast_last(node: ir.Node, write: Writer) -> ir.Value | None:
    """Do with single numbers what is done with the doubles that they are cast to."""
    result = node.outputs[0]
    if node.op_type not in SUMS or result.dtype != DOUBLE:
        return None
    inputs = [_single(value, write, place) for place, value in enumerate(node.inputs)]
    if any(value is not None and value.dtype == DOUBLE for value in inputs):
        return None
    attributes = {name: each.value for name, each in node.attributes.items()}
    found = write.op(node.op_type, inputs, "single", SINGLE, result.shape, **attributes)
    return write.op("Cast", [found], "", DOUBLE, result.shape, to=DOUBLE.value)


def _single(value: ir.Value | None, write: Writer, place: int) -> ir.Value | None:
    """Give what was cast to doubles, or a constant, as single numbers; all else as it is."""
    if value is None or value.dtype != DOUBLE:
        return value
    cast, always = value.producer(), number(value)
    if always is not None:
        return write.constant(f"input_{place}", np.float32(always))
    source = cast.inputs[0] if cast is not None and cast.op_type == "Cast" else None
    return source if source is not None and source.dtype == SINGLE else value


def _normalised(node: ir.Node, write: Writer) -> Sequence[ir.Value] | None:
    """Give a norm of one output, and its mean and the inverse of its deviation beside it."""
    result, source = node.outputs[0], node.inputs[0]
    if node.op_type != "LayerNormalization" or source is None or source.shape is None:
        return None
    if source.dtype != SINGLE:  # the others are single all the same
        return None
    attributes = {name: each.value for name, each in node.attributes.items()}
    normal = write.op("LayerNormalization", node.inputs, "", SINGLE, result.shape, **attributes)
    rank = len(source.shape)
    axes = range(node.attributes.get_int("axis", -1) % rank, rank)
    along = write.constant("axes", list(axes))
    few = [1 if axis in axes else side for axis, side in enumerate(source.shape)]
    mean = write.op("ReduceMean", [source, along], "mean", SINGLE, few, keepdims=1)
    centred = write.op("Sub", [source, mean], "centred", SINGLE, source.shape)
    square = write.op("Mul", [centred, centred], "square", SINGLE, source.shape)
    variance = write.op("ReduceMean", [square, along], "variance", SINGLE, few, keepdims=1)
    epsilon = np.float32(node.attributes.get_float("epsilon", 1e-5))
    more = write.op("Add", [variance, write.constant("epsilon", epsilon)], "more", SINGLE, few)
    deviation = write.op("Sqrt", [more], "deviation", SINGLE, few)
    return normal, mean, write.op("Reciprocal", [deviation], "inverse", SINGLE, few)


REWRITES: tuple[Rewrite, ...] = (_dequantised, _rectified, _placed, _cast_last, _normalised)
