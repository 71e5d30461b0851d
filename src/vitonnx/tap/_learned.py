"""A learned position embedding as its checkpoint has it, and how a graph resamples it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from vitonnx.positions import Interpolation, resampling_matrix, sincos_table

__all__ = ["Learned", "find_learned"]

# Of what is added against what a candidate gives, relative to the largest: another order of sums.
EXACT, EXACT_IN_HALF = 2e-5, 5e-3


@dataclass(frozen=True)
class Learned:
    """A position embedding."""

    table: NDArray[np.float32]  # (rows, dim), those of prefix tokens first, where they have any
    grid: tuple[int, int]  # of patches that it has rows for
    interpolation: str | None  # how the graph resamples or computes it; None if it doesn't


def find_learned(original: ir.Graph, added: NDArray[np.float32], grid: tuple[int, int]) -> Learned:
    """Find the embedding that yields the positions, (rows, dim), added to the tokens of a grid.

    If the original graph resamples its embedding, that is among its weights.
    """
    prefix, dim = len(added) - math.prod(grid), added.shape[1]
    if dim % 4 == 0 and _alike(sincos_table(grid, dim, prefix=prefix), added, EXACT):
        return Learned(added, grid, "sincos")
    for table, exact in _tables(original, added[:prefix]):
        side = math.isqrt(max(len(table) - prefix, 0))
        if not side or side * side != len(table) - prefix or (side, side) == grid:
            continue
        for name in get_args(Interpolation):
            matrix = resampling_matrix((side, side), grid, interpolation=name, prefix=prefix)
            if _alike(matrix @ table, added, exact):
                return Learned(table, (side, side), name)
    return Learned(added, grid, None)


def _tables(
    graph: ir.Graph, prefix: NDArray[np.float32]
) -> Iterator[tuple[NDArray[np.float32], float]]:
    """Return tables that may be the embedding, each with how exact it would be."""
    for weights in _candidates(graph, prefix.shape[1]):
        exact = EXACT if weights.dtype == np.float32 else EXACT_IN_HALF
        table = weights.astype(np.float32)
        yield table, exact
        # Exporters may keep patches alone in a weight, and rows of prefix tokens beside it.
        yield np.concatenate([prefix, table]), exact


def _candidates(graph: ir.Graph, dim: int) -> Iterator[NDArray[Any]]:
    """Return the weights that have a row of the right width for each of some positions."""
    constants = [
        node.attributes["value"].as_tensor()
        for node in graph
        if node.op_type == "Constant" and "value" in node.attributes
    ]
    weights = [value.const_value for value in graph.initializers.values()]
    for tensor in (*weights, *constants):
        sides = [] if tensor is None else [side for side in tensor.shape.numpy() if side != 1]
        if tensor is None or dim not in (sides[:1] + sides[-1:]):
            continue
        if len(sides) == 2 and sides[1] == dim:
            yield tensor.numpy().reshape(sides)
        elif len(sides) == 3 and sides[2] == dim:  # (rows, columns, dim)
            yield tensor.numpy().reshape(-1, dim)
        elif len(sides) == 3:  # (dim, rows, columns)
            yield tensor.numpy().reshape(dim, -1).T


def _alike(one: NDArray[Any], other: NDArray[Any], exact: float) -> bool:
    largest = float(np.abs(other).max(initial=0))
    return bool(np.abs(one - other).max(initial=0) <= exact * largest)
