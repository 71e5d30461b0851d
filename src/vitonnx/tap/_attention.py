"""Find self-attention by what it is: a softmax between two products of what moves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import onnx_ir as ir

from vitonnx.tap._observe import pixel_values

__all__ = ["Attention", "find_attentions"]

# What may stand between a softmax and the products: nothing that mixes tokens.
ON_THE_WAY = frozenset(
    ("Add", "Cast", "Clip", "DequantizeLinear", "Div", "Dropout", "Identity", "Max", "Min", "Mul")
) | {"QuantizeLinear", "Reshape", "Squeeze", "Sub", "Transpose", "Unsqueeze", "Where"}
PRODUCTS = frozenset(("MatMul", "Einsum", "MatMulInteger", "QLinearMatMul", "Gemm"))


@dataclass(frozen=True)
class Attention:
    """A softmax that weighs values."""

    softmax: ir.Node  # over the keys
    scores: ir.Node  # product of queries with keys
    result: ir.Node  # product of weights with values
    weights: ir.Value  # the softmax as the second product reads it
    values: ir.Value  # other factor of the second product


def find_attentions(graph: ir.Graph) -> list[Attention]:
    """Find all of them, in the graph's order. Needs topological order and shapes."""
    moving = pixel_values(graph)
    found = (_around(node, moving) for node in graph if _is_softmax(node))
    return [attention for attention in found if attention is not None]


def _is_softmax(node: ir.Node) -> bool:
    shape = node.outputs[0].shape if node.outputs else None
    if node.op_type != "Softmax" or shape is None:
        return False
    return node.attributes.get_int("axis", -1) % len(shape) == len(shape) - 1


def _around(softmax: ir.Node, moving: set[ir.Value]) -> Attention | None:
    scores = _product_behind(softmax.inputs[0], moving)
    ahead = next(_products_ahead(softmax.outputs[0], moving), None)
    if scores is None or ahead is None:
        return None
    result, weights = ahead
    values = next(value for value in result.inputs if value is not weights and value in moving)
    return Attention(softmax, scores, result, weights, values)


def _product_behind(value: ir.Value | None, moving: set[ir.Value]) -> ir.Node | None:
    """Follow what moves back to a product of two things that move."""
    while value is not None and (node := value.producer()) is not None:
        sources = [source for source in node.inputs if source is not None and source in moving]
        if node.op_type in PRODUCTS:
            return node if 2 in (len(sources), len(set(sources))) else None
        if node.op_type not in ON_THE_WAY or not sources:
            return None
        # Where two things that move are added, one is a bias made of the tokens.
        value = sources[0]
        for source in sources[1:]:
            if _product_behind(source, moving) is not None:
                value = source
    return None


def _products_ahead(value: ir.Value, moving: set[ir.Value]) -> Iterator[tuple[ir.Node, ir.Value]]:
    """Follow the weights to the products that read them."""
    for use in value.uses():
        node = use.node
        sources = [source for source in node.inputs if source is not None and source in moving]
        if node.op_type in PRODUCTS and len(sources) == 2:
            yield node, value
        elif node.op_type in ON_THE_WAY and set(sources) == {value}:
            yield from _products_ahead(node.outputs[0], moving)
