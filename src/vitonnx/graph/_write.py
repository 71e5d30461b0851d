"""Constants and nodes: written into a graph, and read from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import onnx_ir as ir
from numpy.typing import ArrayLike

__all__ = ["Writer", "constant", "number", "numbers"]


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


def numbers(value: ir.Value | None) -> list[int] | None:
    """Return the whole numbers that a value always is; None if it varies."""
    tensor = None if value is None else ir.convenience.get_const_tensor(value)
    return None if tensor is None else [int(each) for each in tensor.numpy().reshape(-1)]


def number(value: ir.Value | None) -> float | None:
    """Return the number that a value always is; None if it varies or isn't one number."""
    tensor = None if value is None else ir.convenience.get_const_tensor(value)
    return None if tensor is None or tensor.size != 1 else float(tensor.numpy().item())


class Writer:
    """Writes nodes and constants, all under one name.

    Parameters
    ----------
    graph : onnx_ir.Graph
        Graph that gets the constants at once, and the nodes when told where.
    name : str
        Beginning of all names; a value is named as its node.
    """

    def __init__(self, graph: ir.Graph, name: str) -> None:
        self.graph, self.name = graph, name
        self.nodes: list[ir.Node] = []

    def constant(self, place: str, array: ArrayLike) -> ir.Value:
        """Write a constant: see `constant`."""
        return constant(self.graph, self._named(place), array)

    def op(
        self,
        kind: str,
        inputs: Sequence[ir.Value | None],
        place: str,
        dtype: ir.DataType | None = None,
        shape: Iterable[int | str | ir.SymbolicDim | None] | None = None,
        *,
        domain: str = "",
        **attributes: object,
    ) -> ir.Value:
        """Write a node of one output, and return that; without a place, under the name alone."""
        name = self._named(place)
        node = ir.node(kind, inputs, attributes, domain=domain, name=name)  # type: ignore[arg-type]
        value = node.outputs[0]
        value.name = name
        value.type = None if dtype is None else ir.TensorType(dtype)
        value.shape = None if shape is None else ir.Shape(shape)
        self.nodes.append(node)
        return value

    def again(self, node: ir.Node, inputs: Sequence[ir.Value | None]) -> ir.Node:
        """Write a node of the graph again, of any number of outputs, with other inputs."""
        name = self._named(str(node.name))
        attributes = list(node.attributes.values())
        again = ir.Node(
            node.domain, node.op_type, inputs, attributes, num_outputs=len(node.outputs), name=name
        )
        for place, (old, new) in enumerate(zip(node.outputs, again.outputs, strict=True)):
            new.name = f"{name}/output_{place}" if place else name
            new.type = old.type
        self.nodes.append(again)
        return again

    def put_before(self, node: ir.Node) -> None:
        """Put what was written before a node of the graph."""
        self.graph.insert_before(node, self.nodes)

    def _named(self, place: str) -> str:
        return "/".join(filter(None, (self.name, place)))
