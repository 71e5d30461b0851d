"""Find the transformer blocks of a graph by its structure, whatever its names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import onnx_ir as ir

from vitonnx.errors import ModelFileError

__all__ = ["Block", "ancestors", "find_attentions", "find_blocks", "first_join"]


@dataclass(frozen=True)
class Block:
    """Transformer block along the residual stream.

    Parameters
    ----------
    softmax : onnx_ir.Node
        The attention's softmax; its output is (batch, heads, tokens, tokens).
    stream_in, stream_middle, stream_out : onnx_ir.Value
        Residual stream before the block, between attention and MLP, and after the block; each
        (batch, tokens, dim).
    """

    softmax: ir.Node
    stream_in: ir.Value
    stream_middle: ir.Value
    stream_out: ir.Value

    @property
    def attention(self) -> ir.Value:
        """The softmax weights."""
        return self.softmax.outputs[0]


def find_attentions(graph: ir.Graph) -> list[ir.Node]:
    """Find all softmaxes that weigh values in a matrix product, whatever is left of their blocks.

    Their outputs are the attention weights, (batch, heads, tokens, tokens).
    """
    return [node for node in graph if _is_attention(node)]


def find_blocks(graph: ir.Graph) -> list[Block]:
    """Find all blocks, in the order of the residual stream.

    A block is a softmax whose weights are the first factor of a matrix product, the first skip
    connection after it (an addition that joins values computed through the softmax with others that
    bypass it), and the next skip connection after that. Needs topological order.

    Raises
    ------
    ModelFileError
        If an attention has no skip connection, or nothing follows it.
    """
    nodes = list(graph)
    blocks = []
    for index, node in enumerate(nodes):
        if not _is_attention(node):
            continue
        before = ancestors(node.inputs)
        middle = first_join(nodes[index + 1 :], {node.outputs[0]}, before)
        if middle is None:
            raise ModelFileError(f"The attention {node.name!r} has no skip connection around it.")
        stream_in = next(value for value in middle.inputs if value in before)
        stream_middle = middle.outputs[0]
        behind = nodes[nodes.index(middle, index) + 1 :]
        out = first_join(behind, {stream_middle}, {stream_middle})
        if out is None:
            raise ModelFileError(f"No MLP with a skip connection follows {node.name!r}.")
        blocks.append(Block(node, stream_in, stream_middle, out.outputs[0]))
    return blocks


def _is_attention(node: ir.Node) -> bool:
    """Whether the node is a softmax that weighs values in a matrix product."""
    return node.op_type == "Softmax" and any(
        use.node.op_type == "MatMul" and use.idx == 0 for use in node.outputs[0].uses()
    )


def first_join(
    nodes: Iterable[ir.Node], through: set[ir.Value], past: set[ir.Value]
) -> ir.Node | None:
    """Find the first addition of what came `through` a branch and what went `past` it.

    `through` is where the branch starts; it grows by all that is computed from it.
    """
    through = set(through)
    for node in nodes:
        inputs = {value for value in node.inputs if value is not None}
        if not inputs & through:
            continue
        if node.op_type == "Add" and inputs & past and inputs & (through - past):
            return node
        through.update(node.outputs)
    return None


def ancestors(values: Iterable[ir.Value | None]) -> set[ir.Value]:
    """Return all values that the given ones are computed from, without weights, and themselves."""
    found: set[ir.Value] = set()
    stack = [value for value in values if value is not None]
    while stack:
        value = stack.pop()
        if value in found or (value.producer() is None and not value.is_graph_input()):
            continue
        found.add(value)
        if (producer := value.producer()) is not None:
            stack.extend(source for source in producer.inputs if source is not None)
    return found
