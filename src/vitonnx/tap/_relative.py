"""Relative positions: a bias on scores that depends on the offset of patches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from vitonnx.contract import RELATIVE_INDEX, RELATIVE_TABLE
from vitonnx.graph import Writer, constant
from vitonnx.positions import relative_index
from vitonnx.tap._attention import Attention

__all__ = ["free_relative"]


def free_relative(graph: ir.Graph, attentions: Sequence[Attention], grid: tuple[int, int]) -> int:
    """Write biases of relative positions as tables with a row for each offset (BEiT), in place.

    The same numbers are gathered from a table, by an index that Regrid replaces. Returns the number
    of tables.
    """
    found = 0
    for attention in attentions:
        for reader, place, value in _biases(attention):
            assert value.const_value is not None
            bias = value.const_value.numpy()
            table = _table(bias.reshape(bias.shape[-3:]), grid)
            if table is not None:
                gathered = _gather(graph, table, grid, f"{RELATIVE_TABLE}{found:02d}", reader)
                reader.replace_input_with(place, gathered)
                found += 1
    return found


def _biases(attention: Attention) -> list[tuple[ir.Node, int, ir.Value]]:
    """List constants (1, heads, tokens, tokens) that are added on the way to a softmax."""
    found, node = [], attention.softmax
    while node is not attention.scores:
        for place, value in enumerate(node.inputs):
            constant_added = value is not None and value.const_value is not None
            if node.op_type == "Add" and constant_added and value is not None:
                sides = [] if value.shape is None else list(value.shape)
                alone = len(sides) == 3 or (len(sides) == 4 and sides[0] == 1)
                if alone and sides[-1] == sides[-2] != 1:
                    found.append((node, place, value))
        moving = [each for each in node.inputs if each is not None and each.producer() is not None]
        behind = [each.producer() for each in moving]
        node = next((each for each in behind if each is not None), attention.scores)
    return found


def _table(bias: NDArray[Any], grid: tuple[int, int]) -> NDArray[Any] | None:
    """Return (offsets, heads) from (heads, tokens, tokens); None if more than offsets matters."""
    prefix = bias.shape[-1] - grid[0] * grid[1]
    if prefix not in (0, 1):
        return None
    index = relative_index(grid, prefix).ravel()
    by_pair = bias.reshape(len(bias), -1)
    table = np.zeros((len(bias), index.max() + 1), bias.dtype)
    table[:, index] = by_pair
    return np.ascontiguousarray(table.T) if (table[:, index] == by_pair).all() else None


def _gather(
    graph: ir.Graph, table: NDArray[Any], grid: tuple[int, int], name: str, reader: ir.Node
) -> ir.Value:
    heads, dtype = table.shape[1], ir.DataType.from_numpy(table.dtype)
    rows = constant(graph, name, table.astype(np.float32))
    index = graph.initializers.get(RELATIVE_INDEX)
    if index is None:
        prefix = len(table) - (2 * grid[0] - 1) * (2 * grid[1] - 1)
        index = constant(graph, RELATIVE_INDEX, relative_index(grid, 1 if prefix else 0))
    assert index.shape is not None
    tokens = index.shape[0]
    write, single = Writer(graph, name), ir.DataType.FLOAT
    every = write.op("Gather", [rows, index], "gather", single, (tokens, tokens, heads), axis=0)
    sides = (heads, tokens, tokens)
    turned = write.op("Transpose", [every], "turned", single, sides, perm=(2, 0, 1))
    axes = write.constant("axes", [0])
    bias = write.op("Unsqueeze", [turned, axes], "bias", single, (1, *sides))
    if dtype != single:
        bias = write.op("Cast", [bias], "cast", dtype, (1, *sides), to=dtype.value)
    write.put_before(reader)
    return bias
