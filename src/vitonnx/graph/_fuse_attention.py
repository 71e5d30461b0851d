"""Attention that nobody reads becomes the runtime's own fused kernel."""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir
import onnx_ir.passes.common as common

from vitonnx.graph._blocks import Block, find_blocks
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
        for block in find_blocks(graph):
            if _is_read_whole(block, graph):
                continue
            found = _attention(block)
            if found is None:
                continue
            node = ir.node(
                "MultiHeadAttention",
                [found.query, found.key, found.value],
                {"num_heads": found.heads, "scale": found.scale},
                domain=DOMAIN,
                name=f"{block.softmax.name}/fused",
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


def _is_read_whole(block: Block, graph: ir.Graph) -> bool:
    """Whether more than the block itself, and readers of some rows, need the weights."""
    weights = block.attention
    others = [use.node for use in weights.uses() if use.node.op_type != "MatMul" or use.idx != 0]
    return weights in graph.outputs or any(cut_of(node) is None for node in others)


def _attention(block: Block) -> Attention | None:
    """Recognise softmax(scale q Kᵀ) V between heads split and joined; None if it is otherwise."""
    values = next(
        use.node for use in block.attention.uses() if use.node.op_type == "MatMul" and use.idx == 0
    )
    joined = _only_consumer(_only_consumer(values, "Transpose"), "Reshape")
    scores, scale = _unscaled(block.softmax.inputs[0])
    if joined is None or scores is None or scores.op_type != "MatMul":
        return None
    query, scale_of_query = _split(scores.inputs[0], HEADS_FIRST)
    key, scale_of_key = _split(scores.inputs[1], KEYS_LAST)
    value, scale_of_value = _split(values.inputs[1], HEADS_FIRST)
    sides = block.attention.shape
    if query is None or key is None or value is None or scale_of_value != 1 or sides is None:
        return None
    heads = sides[1]
    if not isinstance(heads, int):
        return None
    return Attention(query, key, value, joined, heads, scale * scale_of_query * scale_of_key)


def _split(value: ir.Value | None, order: tuple[int, ...]) -> tuple[ir.Value | None, float]:
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
    source = node.inputs[0]
    whole = source is not None and source.shape is not None and len(source.shape) == 3
    return (source if whole else None), before * between


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
