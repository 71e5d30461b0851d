"""Reshapes that do not mention the grid, so that the same graph serves every grid."""

from __future__ import annotations

import math
from collections.abc import Sequence

import onnx_ir as ir

from vitonnx.graph._write import constant, numbers

__all__ = ["FreeReshapes"]


class FreeReshapes(ir.passes.InPlacePass):
    """Write reshapes with 0 (same as the input) and -1 (whatever is left), not with numbers.

    ``(-1, 197, 12, 64)`` of a ``(batch, 197, 768)`` becomes ``(0, 0, 12, 64)``;
    ``(-1, 196, 768)`` of a ``(batch, 14, 14, 768)`` becomes ``(0, -1, 768)``. Needs inferred
    shapes.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Rewrite the targets in place."""
        modified = False
        for node in model.graph.all_nodes():
            if node.op_type != "Reshape" or node.domain:
                continue
            source, target = node.inputs
            old = numbers(target)
            if source is None or source.shape is None or old is None:
                continue
            new = _free(list(source.shape), old)
            if new != old:
                # For this node only: the old target may serve other reshapes.
                own = constant(model.graph, f"{node.outputs[0].name}/shape", new)
                node.replace_input_with(1, own)
                modified = True
        return ir.passes.PassResult(model, modified)


def _free(source: list[int | ir.SymbolicDim], target: list[int]) -> list[int]:
    """Return the target in terms of the source's sides.

    Leading sides that both share are 0; a leading -1 is the source's dynamic batch. If sides are
    merged after them, the first of the rest is -1.
    """
    shared = 0
    for have, want in zip(source, target, strict=False):
        is_batch = want == -1 and shared == 0 and _same_size(source[1:], target[1:])
        if not (is_batch or want == 0 or (isinstance(have, int) and have == want)):
            break
        shared += 1
    rest = target[shared:]
    if not shared:
        return target
    if -1 in rest:
        return [0] * shared + rest
    merges = len(rest) < len(source) - shared
    return [0] * shared + ([-1, *rest[1:]] if merges and rest else rest)


def _same_size(source: Sequence[int | ir.SymbolicDim], target: Sequence[int]) -> bool:
    """Whether both hold as many numbers for each entry of the batch."""
    known = [side for side in source if isinstance(side, int)]
    return len(known) == len(source) and math.prod(known) == math.prod(target)
