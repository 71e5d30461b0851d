"""Queries, keys and values in one form, however their heads were split off."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
import onnx_ir.passes.common as common
from numpy.typing import NDArray

from vitonnx.graph import Writer
from vitonnx.tap._observe import BATCH

__all__ = ["HeadsApart"]

MOVES = frozenset(("Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze", "Transpose"))
MOVES |= {"Unsqueeze"}
PICTURES = 2  # to tell a picture's numbers from the next one's
LARGEST = 2**25  # numbers that are followed


class HeadsApart(ir.passes.InPlacePass):
    """Write what only moves a projection's numbers as one reshape and one transpose.

    Exporters split heads off in a dozen ways, and take queries, keys and values from one product by
    gathers, splits and slices. Where the numbers end up is found by moving their places: where
    that is heads of some channels, in order, these channels get a product of their own, and
    ``Reshape`` to (batch, tokens, heads, width) and ``Transpose`` follow, as in canonical graphs.
    Needs shapes.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Rewrite in place, and remove unused nodes."""
        graph = model.graph
        modified = False
        for node in list(graph):
            if node.op_type not in MOVES or node.domain:
                continue
            for value in node.outputs:
                ends = any(use.node.op_type not in MOVES for use in value.uses())
                found = _find(value) if ends else None
                if found is not None:
                    _rewrite(graph, value, found)
                    modified = True
        if modified:
            common.RemoveUnusedNodesPass()(model)
        return ir.passes.PassResult(model, modified)


@dataclass(frozen=True)
class _Heads:
    """Some channels of (batch, tokens, channels), split into heads or to be split; transposed."""

    source: ir.Value
    channels: NDArray[np.int64] | None  # (heads, width)
    order: tuple[int, ...]


def _find(value: ir.Value) -> _Heads | None:
    """Trace a transpose back; None if it isn't of heads, or already has the right form."""
    chain: list[tuple[ir.Node, int]] = []
    source: ir.Value | None = value
    while source is not None and source.producer() is not None:
        node = source.producer()
        assert node is not None
        if node.op_type not in MOVES or node.domain:
            break
        chain.append((node, list(node.outputs).index(source)))
        source = node.inputs[0]
    sides = _sides(source)
    if source is None or sides is None or len(sides) not in (3, 4) or _sides(value) is None:
        return None
    if [node.op_type for node, _ in chain] == ["Transpose", "Reshape"] and len(sides) == 3:
        return None
    assert source.shape is not None
    if len(chain) < 2 or np.prod(sides) > LARGEST or str(source.shape[0]) != BATCH:
        return None
    places: NDArray[np.int64] | None = np.arange(np.prod(sides)).reshape(sides)
    for node, output in reversed(chain):
        places = None if places is None else _move(node, output, places)
    if places is None or places.ndim != 4 or list(places.shape) != _sides(value):
        return None
    return _heads_of(source, places, sides)


def _heads_of(source: ir.Value, places: NDArray[np.int64], sides: list[int]) -> _Heads | None:
    """See whether places are those of (batch, tokens, heads, width), turned."""
    if len(sides) == 4:
        every = np.arange(np.prod(sides)).reshape(sides)
        for order in itertools.permutations(range(4)):
            turned = every.transpose(order)
            if turned.shape == places.shape and (turned == places).all():
                return _Heads(source, None, order)
        return None
    pictures, tokens, channels = sides
    rows = channels * np.arange(pictures * tokens).reshape(pictures, tokens, 1, 1)
    for order in itertools.permutations(range(4)):
        straight = places.transpose(np.argsort(order))
        if straight.shape[:2] != (pictures, tokens):
            continue
        first = straight[0, 0]
        if (first < channels).all() and (straight == rows + first).all():
            return _Heads(source, first, order)
    return None


def _rewrite(graph: ir.Graph, value: ir.Value, found: _Heads) -> None:
    before = value.producer()
    assert before is not None
    write = _Split(graph, str(value.name))
    split = found.source if found.channels is None else write.split(found.source, found.channels)
    assert split.shape is not None
    sides = [split.shape[axis] for axis in found.order]
    turned = write.op("Transpose", [split], "turned", value.dtype, sides, perm=found.order)
    write.put_before(before)
    value.replace_all_uses_with(turned, replace_graph_outputs=True)


class _Split(Writer):
    """Writes nodes under a value's name."""

    def split(self, source: ir.Value, heads: NDArray[np.int64]) -> ir.Value:
        """Return (batch, tokens, heads, width) of some channels."""
        tokens, whole = (_sides(source) or [])[1:]
        channels = heads.ravel()
        if channels.tolist() != list(range(whole)):
            source = self.part(source, channels, [BATCH, tokens, len(channels)])
        target = self.constant("heads", [0, 0, *heads.shape])
        sides = [BATCH, tokens, *heads.shape]
        return self.op("Reshape", [source, target], "split", source.dtype, sides)

    def part(
        self, source: ir.Value, channels: NDArray[np.int64], sides: list[int | str]
    ) -> ir.Value:
        """Return some channels, by a separate product if all came from one."""
        linear, dtype = _linear(source), source.dtype
        if linear is None:
            index = self.constant("channels", channels)
            return self.op("Gather", [source, index], "part", dtype, sides, axis=2)
        tokens, weight, bias = linear
        part = self.constant("weight", _columns(weight, channels))
        result = self.op("MatMul", [tokens, part], "matmul", dtype, sides)
        if bias is None:
            return result
        shift = self.constant("bias", _columns(bias, channels))
        return self.op("Add", [result, shift], "add", dtype, sides)


def _linear(value: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value | None] | None:
    """Return tokens, weight and bias of a projection; None if it isn't one."""
    node, bias = value.producer(), None
    if node is not None and node.op_type == "Add":
        constants = [each for each in node.inputs if each is not None and _is_weight(each, 1)]
        others = [each for each in node.inputs if each not in constants]
        if len(constants) != 1 or others[0] is None:
            return None
        bias, node = constants[0], others[0].producer()
    if node is None or node.op_type != "MatMul":
        return None
    tokens, weight = node.inputs
    return (tokens, weight, bias) if tokens and weight and _is_weight(weight, 2) else None


def _is_weight(value: ir.Value, axes: int) -> bool:
    return value.const_value is not None and len(value.const_value.shape) == axes


def _columns(weight: ir.Value, channels: NDArray[np.int64]) -> NDArray[np.generic]:
    assert weight.const_value is not None
    return np.ascontiguousarray(weight.const_value.numpy()[..., channels])


def _move(node: ir.Node, output: int, places: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Do with places what a node does with numbers; None where it does more than move them."""
    numbers = [_numbers(value) for value in node.inputs[1:]]
    match node.op_type:
        case "Identity":
            return places
        case "Reshape" | "Squeeze" | "Unsqueeze":
            sides = _sides(node.outputs[0])
            return None if sides is None else places.reshape(sides)
        case "Transpose":
            order = node.attributes.get_ints("perm", tuple(range(places.ndim))[::-1])
            return places.transpose(order)
        case "Gather" if numbers[0] is not None:
            axis = node.attributes.get_int("axis", 0)
            return places.take(numbers[0], axis=axis)
        case "Split":
            axis = node.attributes.get_int("axis", 0)
            if numbers and numbers[0] is not None:
                return np.split(places, np.cumsum(numbers[0])[:-1], axis)[output]
            return np.array_split(places, len(node.outputs), axis)[output]
        case "Slice" if len(numbers) >= 3 and all(each is not None for each in numbers):
            starts, stops, axes, *steps = (each.tolist() for each in numbers if each is not None)
            cut = [slice(None)] * places.ndim
            for place, axis in enumerate(axes):
                step = steps[0][place] if steps else 1
                cut[axis] = slice(starts[place], stops[place], step)
            return places[tuple(cut)] if not steps or min(steps[0]) > 0 else None
    return None


def _numbers(value: ir.Value | None) -> NDArray[np.int64] | None:
    tensor = None if value is None else ir.convenience.get_const_tensor(value)
    return None if tensor is None else tensor.numpy().astype(np.int64)


def _sides(value: ir.Value | None) -> list[int] | None:
    """Return the sides of a value for some pictures; None if unknown."""
    shape = None if value is None else value.shape
    if shape is None:
        return None
    sides = []
    for side in shape:
        times, _, batch = str(side).rpartition("*")
        if isinstance(side, int):
            sides.append(side)
        elif batch == BATCH:
            sides.append(PICTURES * int(times or 1))
        else:
            return None
    return sides
