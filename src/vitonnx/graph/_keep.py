"""Keep only some outputs, and remove all nodes that only the others need."""

from __future__ import annotations

from collections.abc import Collection

import onnx_ir as ir
import onnx_ir.passes.common as common

__all__ = ["KeepOutputs"]


class KeepOutputs(ir.passes.InPlacePass):
    """Keep some outputs, and what they are computed from.

    A probe of block 3 never runs block 4.

    Parameters
    ----------
    names : collection of str
        Names of the outputs to keep, in any order.
    """

    def __init__(self, names: Collection[str]) -> None:
        self.names = frozenset(names)

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Cut in place."""
        graph = model.graph
        kept = [value for value in graph.outputs if value.name in self.names]
        modified = len(kept) < len(graph.outputs)
        graph.outputs[:] = kept
        common.RemoveUnusedNodesPass()(model)
        return ir.passes.PassResult(model, modified)
