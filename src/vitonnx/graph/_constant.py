"""Constants of a graph."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from numpy.typing import ArrayLike

__all__ = ["constant"]


def constant(graph: ir.Graph, name: str, array: ArrayLike) -> ir.Value:
    """Make an initializer, in the place of any other of that name; Python's numbers are int64."""
    data = np.asarray(array)
    graph.initializers.pop(name, None)
    value = ir.Value(
        name=name,
        const_value=ir.tensor(data, name=name),
        shape=ir.Shape(data.shape),
        type=ir.TensorType(ir.DataType.from_numpy(data.dtype)),
    )
    graph.register_initializer(value)
    return value
