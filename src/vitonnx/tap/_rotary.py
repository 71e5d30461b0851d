"""Rotary positions that follow from where patches are: tables of cosines and sines, recognised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from vitonnx.contract import ROTARY_COORDINATES
from vitonnx.graph import Writer, constant
from vitonnx.positions import patch_coordinates

__all__ = ["free_rotary"]

Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]
# Of a cosine in single precision, made of an angle in single precision.
EXACT = 3e-6
STEP = 0.05  # between the frequencies that are tried first
STARTS = 12  # of these, the likeliest
ROUNDS = 12  # of Newton's method from there, which doubles the digits each time


def free_rotary(graph: ir.Graph, grid: tuple[int, int], tokens: int) -> int:
    """Compute the tables of rotary positions in the graph, from coordinates of the patches.

    Recognised are cosines and sines of frequencies times one of the coordinates, which run from -1
    to 1 down and across (DINOv3); those of prefix tokens are zero. Regrid replaces the coordinates.
    Returns the number of tables.
    """
    patches, found = grid[0] * grid[1], 0
    made: dict[bytes, ir.Value | None] = {}
    for node in list(graph):
        if node.op_type != "Mul":
            continue
        for place, value in enumerate(node.inputs):
            array = None if value is None or value.const_value is None else _table(value, node)
            if array is None or array.shape[0] not in (patches, tokens):
                continue
            key = array.tobytes()
            if key not in made:
                made[key] = _write(graph, array, grid, f"rotary_{len(made)}")
            table = made[key]
            if table is not None and value is not None:
                node.replace_input_with(place, _shaped(graph, table, value, node))
                found += 1
    return found


def _table(value: ir.Value, node: ir.Node) -> NDArray[Any] | None:
    """Return (tokens, channels) of the factors of queries or keys, (…, tokens, channels)."""
    assert value.const_value is not None
    sides = [side for side in value.const_value.shape if side != 1]
    scaled = node.outputs[0].shape
    if len(sides) != 2 or scaled is None or len(scaled) != 4:
        return None
    array: NDArray[Any] = value.const_value.numpy()
    return array.squeeze() if array.dtype == np.float32 else None


def _write(
    graph: ir.Graph, table: NDArray[Any], grid: tuple[int, int], name: str
) -> ir.Value | None:
    """Write a table as a curve over coordinates times frequencies; None where it is none."""
    kind, frequencies = "Cos", _frequencies(table, grid, np.cos, _minus_sine)
    if frequencies is None:
        kind, frequencies = "Sin", _frequencies(table, grid, np.sin, np.cos)
    if frequencies is None:
        return None
    prefix = len(table) - grid[0] * grid[1]
    coordinates = graph.initializers.get(ROTARY_COORDINATES)
    if coordinates is None:
        coordinates = constant(graph, ROTARY_COORDINATES, patch_coordinates(grid, prefix))
    elif coordinates.shape != ir.Shape([len(table), 2]):
        return None  # tables of patches and of all tokens, beside each other
    factors = constant(graph, f"{name}_frequencies", frequencies.astype(np.float32))
    write, single = Writer(graph, name), ir.DataType.FLOAT
    angles = write.op("MatMul", [coordinates, factors], "angles", single, table.shape)
    curve = write.op(kind, [angles], "table", single, table.shape)
    write.put_before(graph[0])
    return curve


def _shaped(graph: ir.Graph, table: ir.Value, value: ir.Value, reader: ir.Node) -> ir.Value:
    """Restore the axes of a table for its reader; none of them mentions the grid."""
    assert value.const_value is not None
    sides = list(value.const_value.shape.numpy())
    if len(sides) == 2:
        return table
    tokens = next(place for place, side in enumerate(sides) if side != 1)
    target = [-1 if place == tokens else side for place, side in enumerate(sides)]
    write = Writer(graph, f"{reader.outputs[0].name}/{table.name}")
    numbers = write.constant("sides", target)
    shaped = write.op("Reshape", [table, numbers], "", table.dtype, sides)
    write.put_before(reader)
    return shaped


def _frequencies(
    table: NDArray[Any], grid: tuple[int, int], curve: Curve, slope: Curve
) -> NDArray[np.float64] | None:
    """Find (2, channels): what each channel's angle takes of both coordinates, at most of one."""
    prefix = len(table) - grid[0] * grid[1]
    if (table[:prefix] != curve(np.zeros(1))).any():
        return None
    by_place = table[prefix:].reshape(*grid, -1).astype(np.float64)
    found = np.zeros((2, table.shape[1]))
    for channel in range(table.shape[1]):
        values = by_place[..., channel]
        for axis in (0, 1):
            other = np.take(values, [0], axis=1 - axis)
            if grid[axis] < 3 or np.abs(values - other).max() > EXACT:
                continue
            centres = patch_coordinates((grid[axis], 1))[:, 0].astype(np.float64)
            frequency = _fit(other.ravel(), centres, curve, slope)
            if frequency is not None:
                found[axis, channel] = frequency
                break
        else:
            return None
    return found


def _fit(
    values: NDArray[np.float64], centres: NDArray[np.float64], curve: Curve, slope: Curve
) -> float | None:
    """Find the frequency of values of a curve at some centres; None where there is none."""
    # Beyond this, a frequency looks like a lower one: neighbours are half a turn apart.
    highest = np.pi * len(centres) / 2
    # No start is 0: a cosine is flat there, and Newton's method would stay.
    tried = np.concatenate([[STEP / 100], np.arange(STEP / 2 - highest, highest, STEP)])
    distance = np.abs(curve(tried[:, None] * centres) - values).max(axis=1)
    for start in tried[np.argsort(distance)[:STARTS]]:
        frequency = float(start)
        for _ in range(ROUNDS):
            error = curve(frequency * centres) - values
            gradient = centres * slope(frequency * centres)
            weight = float(gradient @ gradient)
            frequency -= float(gradient @ error) / weight if weight else 0.0
        if np.abs(curve(frequency * centres) - values).max() <= EXACT:
            return frequency
    return None


def _minus_sine(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(-np.sin(angles))
