"""Batches that a graph may have been made for, though its input says that any will do."""

from __future__ import annotations

import onnx_ir as ir

__all__ = ["baked_batches"]

LARGEST = 256  # pictures; what is larger is tokens or channels


def baked_batches(graph: ir.Graph) -> list[int]:
    """List candidates, smallest first: tracing ``len(x)`` leaves the batch in one of these.

    Always 1; the first side of the declared outputs, of constants, such as a repeated class token,
    and of the targets of reshapes and expansions.
    """
    found = {1, *(_first(value.shape) for value in graph.outputs)}
    for value in graph.initializers.values():
        tensor, shape = value.const_value, value.shape
        if tensor is None or shape is None:
            continue
        if len(shape) == 1 and value.dtype == ir.DataType.INT64 and tensor.size > 1:
            found.add(int(tensor.numpy()[0]))
        elif len(shape) > 1:
            found.add(_first(shape))
    return sorted(batch for batch in found if 0 < batch <= LARGEST)


def _first(shape: ir.Shape | None) -> int:
    side = shape[0] if shape is not None and len(shape) else 0
    return side if isinstance(side, int) else 0
