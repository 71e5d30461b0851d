"""New random weights for part of a network: what is left of a map then, no training has taught."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
import onnx_ir as ir

from vitonnx.contract import POSITION_RESAMPLING, RELATIVE_RESAMPLING, ROTARY_COORDINATES

__all__ = ["EMBEDDING_STAGE", "HEAD_STAGE", "Randomise", "weight_stages"]

HEAD_STAGE: Final = "head"
"""The classifier head, and the final norm."""
EMBEDDING_STAGE: Final = "patch embedding"
"""All before the first block: patches, prefix tokens and positions."""

BLOCK: Final = re.compile(r"block_\d{2,}")
# These follow from the grid, and no training changes them.
OF_THE_GRID: Final = (POSITION_RESAMPLING, RELATIVE_RESAMPLING, ROTARY_COORDINATES)
COLOURS: Final = 3  # mean and deviation of the recipe have so many numbers, and no weight has


class Randomise(ir.passes.InPlacePass):
    """Draw weights anew, each from a normal distribution of its own mean and deviation.

    A weight's new numbers depend on the seed and its name alone: to randomise one stage after the
    other gives what randomising all of them at once does.

    Parameters
    ----------
    stages : iterable of str
        Stages to randomise, of those that `weight_stages` lists.
    seed : int

    References
    ----------
    Adebayo et al. 2018, arXiv:1810.03292, section 4.
    """

    def __init__(self, stages: Iterable[str], seed: int) -> None:
        self.stages, self.seed = frozenset(stages), seed

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Replace the weights in place."""
        for stage, weights in weight_stages(model).items():
            if stage in self.stages:
                for weight in weights:
                    self._draw(weight)
        return ir.passes.PassResult(model, modified=True)

    def _draw(self, weight: ir.Value) -> None:
        assert weight.const_value is not None
        name = str(weight.name)
        values = weight.const_value.numpy()
        wide = values.astype(np.float64)
        generator = np.random.default_rng([self.seed, zlib.crc32(name.encode())])
        drawn = generator.normal(wide.mean(), wide.std(), wide.shape)
        weight.const_value = ir.tensor(drawn.astype(values.dtype), name=name)


def weight_stages(model: ir.Model) -> dict[str, list[ir.Value]]:
    """List the weights of a probe-ready graph by their stage, the head first.

    Nodes of a probe-ready file are named after their place, whoever made the file; a weight has the
    place of the nodes that read it, of several the one nearest to the head.

    Returns
    -------
    dict of str to list of onnx_ir.Value
        ``head``, ``block_11`` … ``block_00``, ``patch embedding``; those that have weights.
    """
    found: dict[str, list[ir.Value]] = {}
    seen: set[ir.Value] = set()
    placed = [(stage, node) for node, stage in _places(model.graph)]
    stages = {stage for stage, _ in placed}
    blocks = sorted((stage for stage in stages if BLOCK.fullmatch(stage)), reverse=True)
    for stage in (HEAD_STAGE, *blocks, EMBEDDING_STAGE):
        for place, node in placed:
            for value in node.inputs if place == stage else ():
                if value is not None and value not in seen and _is_weight(value):
                    seen.add(value)
                    found.setdefault(stage, []).append(value)
    return found


def _places(graph: ir.Graph) -> Iterator[tuple[ir.Node, str]]:
    """Pair every node with its stage: what is computed from a block, and in none, is the head."""
    behind: set[ir.Node] = set()
    for node in graph:
        block = BLOCK.match(str(node.name))
        sources = (value.producer() for value in node.inputs if value is not None)
        if block is not None:
            behind.add(node)
            yield node, block[0]
        elif any(source in behind for source in sources):
            behind.add(node)
            yield node, HEAD_STAGE
        else:
            yield node, EMBEDDING_STAGE


def _is_weight(value: ir.Value) -> bool:
    """Tell whether a value is a weight, and neither a shape, a scalar nor part of the recipe."""
    tensor = value.const_value
    return (
        value.is_initializer()
        and tensor is not None
        and tensor.dtype.is_floating_point()
        and tensor.size > COLOURS
        and not str(value.name).startswith(OF_THE_GRID)
    )
