"""Names that say where in the network a node stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import onnx_ir as ir

from vitonnx.contract import attention_name
from vitonnx.graph._find_blocks import Block, find_blocks

__all__ = ["NameNodes"]


class NameNodes(ir.passes.InPlacePass):
    """Name every node and value after its block, its branch and its weight.

    ``block_03/attention/softmax`` and ``block_03/mlp/fc1/matmul`` inside the blocks, ``embed/…``
    before and ``head/…`` after them. Graph inputs, graph outputs and weights keep their names;
    other constants are named after their first reader. Needs ordered nodes.
    """

    def __init__(self, weights: frozenset[str], blocks: Sequence[Block] | None = None) -> None:
        """Keep the names of these initializers; the blocks are looked for where none are given."""
        self.weights, self.blocks = weights, blocks

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Rename in place."""
        graph = model.graph
        outputs = set(graph.outputs)
        seen: Counter[str] = Counter()
        blocks = find_blocks(graph) if self.blocks is None else self.blocks
        for node, place in _places(graph, blocks):
            name = f"{self._beside_weight(node, place)}/{node.op_type.lower()}"
            seen[name] += 1
            node.name = name if seen[name] == 1 else f"{name}_{seen[name]}"
            for number, value in enumerate(node.outputs):
                if value not in outputs:
                    value.name = f"{node.name}/output_{number}" if number else node.name
        self._name_constants(graph)
        return ir.passes.PassResult(model, modified=True)

    def _beside_weight(self, node: ir.Node, place: str) -> str:
        """Return the name of the layer whose weight the node reads, or else its place."""
        for value in node.inputs:
            if value is not None and value.name in self.weights and value.is_initializer():
                layer = value.name.rpartition("/")[0]
                return layer or place
        return place

    def _name_constants(self, graph: ir.Graph) -> None:
        constants = {
            value: f"{node.name}/input_{index}"
            for node in reversed(graph)
            for index, value in enumerate(node.inputs)
            if value is not None and value.is_initializer() and value.name not in self.weights
        }
        for value, name in constants.items():
            graph.initializers.pop(str(value.name))
            value.name = name
            if value.const_value is not None:
                value.const_value.name = name
            graph.initializers.add(value)


def _places(graph: ir.Graph, blocks: Sequence[Block]) -> Iterator[tuple[ir.Node, str]]:
    """Pair every node with where it stands, in the graph's order."""
    places: dict[ir.Node, str] = {}
    for index, block in enumerate(blocks):
        _mark(places, block.stream_in, "embed" if index == 0 else f"block_{index - 1:02d}")
        _mark(places, block.stream_middle, attention_name(index))
        _mark(places, block.stream_out, f"block_{index:02d}/mlp")
    for node in graph:
        yield node, places.get(node, "head")


def _mark(places: dict[ir.Node, str], value: ir.Value, place: str) -> None:
    """Mark all that the value is computed from and that has no place yet."""
    stack = [value.producer()]
    while stack:
        node = stack.pop()
        if node is None or node in places:
            continue
        places[node] = place
        stack.extend(source.producer() for source in node.inputs if source is not None)
