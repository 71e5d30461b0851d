"""The model's head: all that lies between the last block's tokens and the logits."""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from vitonnx.errors import UsageError
from vitonnx.graph._find_blocks import ancestors
from vitonnx.graph._last_tokens import LastTokens

__all__ = ["HeadNodes", "find_head_nodes"]

FORMS = frozenset(
    (
        *("Cast", "DequantizeLinear", "DynamicQuantizeLinear", "Identity", "QuantizeLinear"),
        *("Reshape", "Squeeze", "Transpose", "Unsqueeze"),
    )
)
JOINS = frozenset(("Einsum", "MatMul", "MatMulInteger", "Mul"))


@dataclass(frozen=True)
class HeadNodes:
    """Final norm, pooling and classifiers.

    Parameters
    ----------
    nodes : tuple of onnx_ir.Node
        In the graph's order.
    logits : onnx_ir.Value
        The last one's output, or another's.
    """

    nodes: tuple[ir.Node, ...]
    logits: ir.Value


def find_head_nodes(
    graph: ir.Graph, last: LastTokens, logits: ir.Value, *, asks: str, may_pool: bool = False
) -> HeadNodes:
    """Find what computes logits, or an embedding, of the last block's tokens.

    Parameters
    ----------
    graph, last
        The model's.
    logits : onnx_ir.Value
        Output that the head computes.
    asks : str
        Name of who asks, for messages.
    may_pool : bool
        Whether it may pool by attention.

    Raises
    ------
    UsageError
        If it pools by attention, or reads earlier blocks too.
    """
    needed = ancestors([logits])
    reached = {last.value}
    nodes = []
    for node in graph:
        if not reached.isdisjoint(node.inputs) and not needed.isdisjoint(node.outputs):
            reached.update(node.outputs)
            nodes.append(node)
    head = HeadNodes(tuple(nodes), logits)
    if logits not in reached:
        raise UsageError(
            f"the model's head doesn't read the last block: {asks} can't be used on it."
        )
    _check_alone(head, last, asks)
    if not may_pool:
        _check_pooling(head, asks)
    return head


def _check_alone(head: HeadNodes, last: LastTokens, asks: str) -> None:
    """See that pictures reach the head as the last block's tokens only."""
    within = {last.value, *(value for node in head.nodes for value in node.outputs)}
    stack = [value for node in head.nodes for value in node.inputs if value not in within]
    while stack:
        value = stack.pop()
        if value is None:
            continue
        if value.is_graph_input():
            raise UsageError(
                "the model's head reads more than the last block's tokens: what it makes of those "
                f"of another block can't be told, so {asks} can't be used on it."
            )
        node = value.producer()
        if node is not None and node.op_type != "Shape":
            stack.extend(node.inputs)


def _check_pooling(head: HeadNodes, asks: str) -> None:
    """See that the head doesn't weigh tokens by a softmax."""
    within = {value for node in head.nodes for value in node.outputs}
    for node in head.nodes:
        if node.op_type == "Softmax" and _weighs(node.outputs[0], within):
            raise UsageError(
                f"the model's head pools by attention (Softmax {node.name!r}) and reads no single "
                f"token: {asks} can't be used on it."
            )


def _weighs(weights: ir.Value, within: set[ir.Value]) -> bool:
    """Whether what a softmax gives is multiplied by other values of the head."""
    stack = [weights]
    while stack:
        value = stack.pop()
        for node in value.consumers():
            others = {other for other in node.inputs if other is not value}
            if node.op_type in JOINS and others & within:
                return True
            if node.op_type in FORMS:
                stack.extend(node.outputs)
    return False
