"""Attention that nobody reads becomes the runtime's own fused kernel."""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir
import onnx_ir.passes.common as common

from vitonnx.graph._blocks import find_attentions
from vitonnx.graph._rows import cut_of

__all__ = ["FuseAttention"]

DOMAIN = "com.microsoft"
HEADS_FIRST = (0, 2, 1, 3)  # (batch, tokens, heads, dim) to (batch, heads, tokens, dim)
KEYS_LAST = (0, 2, 3, 1)  # and to (batch, heads, dim, tokens)


@dataclass(frozen=True)
class Attention:
    """An attention's three inputs, (batch, tokens, dim), and its result of the same shape."""

    query: ir.Value
    key: ir.Value
    value: ir.Value
    result: ir.Node
    heads: int
    scale: float


class FuseAttention(ir.passes.InPlacePass):
    """Make one ``MultiHeadAttention`` (com.microsoft) of attention whose weights stay inside.

    An attention of which only some rows are read is fused too: these rows are computed beside it.
    Needs inferred shapes, and a graph in canonical form.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Fuse in place; what is no longer used is removed."""
        graph = model.graph
        fused = False
        for softmax in find_attentions(graph):
            found = None if softmax.outputs[0] in graph.outputs else _attention(softmax)
            if found is None:
                continue
            node = ir.node(
                "MultiHeadAttention",
                [found.query, found.key, found.value],
                {"num_heads": found.heads, "scale": found.scale},
                domain=DOMAIN,
                name=f"{softmax.name}/fused",
            )
            result = found.result.outputs[0]
            node.outputs[0].shape, node.outputs[0].type = result.shape, result.type
            node.outputs[0].name = node.name
            graph.insert_before(found.result, node)
            result.replace_all_uses_with(node.outputs[0], replace_graph_outputs=True)
            fused = True
        if fused:
            model.opset_imports[DOMAIN] = 1
            common.RemoveUnusedNodesPass()(model)
        return ir.passes.PassResult(model, fused)


def _attention(softmax: ir.Node) -> Attention | None:
    """Recognise softmax(scale q Kᵀ) V between heads split and joined; None if it is otherwise."""
    weights = softmax.outputs[0]
    # All other readers must be content with some rows.
    readers = [use.node for use in weights.uses() if cut_of(use.node) is None]
    sides = weights.shape
    over_keys = softmax.attributes.get_int("axis", -1) in (-1, 3)
    if len(readers) != 1 or not over_keys or sides is None or len(sides) != 4:
        return None
    (values,) = readers
    if values.op_type != "MatMul" or values.inputs[0] is not weights:
        return None
    heads, tokens = sides[1], sides[2]
    turned = _only_consumer(values, "Transpose")
    joined = _only_consumer(turned, "Reshape")
    scores, scale = _unscaled(softmax.inputs[0])
    if turned is None or joined is None or scores is None or scores.op_type != "MatMul":
        return None
    if tuple(turned.attributes.get_ints("perm")) != HEADS_FIRST:
        return None
    query, scale_of_query = _split(scores.inputs[0], HEADS_FIRST, heads)
    key, scale_of_key = _split(scores.inputs[1], KEYS_LAST, heads)
    value, scale_of_value = _split(values.inputs[1], HEADS_FIRST, heads)
    if query is None or key is None or value is None or scale_of_value != 1:
        return None
    result = joined.outputs[0].shape
    if result is None or len(result) != 3 or result[1] != tokens or not isinstance(heads, int):
        return None
    return Attention(query, key, value, joined, heads, scale * scale_of_query * scale_of_key)


def _split(
    value: ir.Value | None, order: tuple[int, ...], heads: object
) -> tuple[ir.Value | None, float]:
    """Go from split heads back to (batch, tokens, dim); and how much they were scaled."""
    node, before = _unscaled(value)
    if (
        node is None
        or node.op_type != "Transpose"
        or tuple(node.attributes.get_ints("perm")) != order
    ):
        return None, 1.0
    node, between = _unscaled(node.inputs[0])
    if node is None or node.op_type != "Reshape":
        return None, 1.0
    source, split = node.inputs[0], node.outputs[0].shape
    if source is None or source.shape is None or split is None:
        return None, 1.0
    # (batch, tokens, dim) to (batch, tokens, heads, dim of a head), and nothing else.
    whole = len(source.shape) == 3 and len(split) == 4 and source.shape[1] == split[1]
    return (source if whole and split[2] == heads else None), before * between


def _unscaled(value: ir.Value | None) -> tuple[ir.Node | None, float]:
    """Go back before products with a number."""
    scale = 1.0
    node = None if value is None else value.producer()
    while node is not None and node.op_type in ("Mul", "Div"):
        left, right = node.inputs
        number = None if right is None else ir.convenience.get_const_tensor(right)
        if number is None or number.size != 1 or left is None:
            break
        factor = float(number.numpy().item())
        scale *= factor if node.op_type == "Mul" else 1 / factor
        node = left.producer()
    return node, scale


def _only_consumer(node: ir.Node | None, op_type: str) -> ir.Node | None:
    uses = [] if node is None else list(node.outputs[0].uses())
    found = uses[0].node if len(uses) == 1 else None
    return found if found is not None and found.op_type == op_type else None
