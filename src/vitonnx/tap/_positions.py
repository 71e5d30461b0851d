"""Positions of a model, in forms that follow from the grid."""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from vitonnx.contract import POSITION_EMBEDDING
from vitonnx.tap._contract import Joined
from vitonnx.tap._learned import Learned, find_learned
from vitonnx.tap._relative import free_relative
from vitonnx.tap._rotary import free_rotary
from vitonnx.tap._sides import free_sides

__all__ = ["Positions", "free_positions"]


@dataclass(frozen=True)
class Positions:
    """Recognised positions.

    Parameters
    ----------
    learned : Learned or None
        A position embedding.
    relative, rotary : int
        Tables of each kind.
    """

    learned: Learned | None
    relative: int
    rotary: int


def free_positions(joined: Joined, original: ir.Graph) -> Positions:
    """Free a graph of its grid, in place, as far as what depends on it is recognised.

    The position embedding becomes the checkpoint's own, where the original resamples it; the
    graph is still to resample it.

    Parameters
    ----------
    joined : Joined
    original : onnx_ir.Graph
        As it came.
    """
    graph, grid = joined.model.graph, joined.patches.grid
    free_sides(graph, grid, joined.stream.tokens)
    relative = free_relative(graph, joined.stream.attentions, grid)
    rotary = free_rotary(graph, grid, joined.stream.tokens)
    embedding = graph.initializers.get(POSITION_EMBEDDING)
    if embedding is None or embedding.const_value is None:
        return Positions(None, relative, rotary)
    learned = find_learned(original, embedding.const_value.numpy(), grid)
    embedding.const_value = ir.tensor(learned.table, name=POSITION_EMBEDDING)
    embedding.shape = ir.Shape(learned.table.shape)
    return Positions(learned, relative, rotary)
