"""Replace attention whose weights aren't read by the runtime's fused kernel."""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir
import onnx_ir.passes.common as common

from vitonnx.graph._find_blocks import find_attentions
from vitonnx.graph._rows import cut_of
from vitonnx.graph._write import Writer, number

__all__ = ["FuseAttention"]

DOMAIN = "com.microsoft"
HEADS_FIRST = (0, 2, 1, 3)  # (batch, tokens, heads, dim) to (batch, heads, tokens, dim)
KEYS_LAST = (0, 2, 3, 1)  # and to (batch, heads, dim, tokens)


@dataclass(frozen=True)
class Attention:
    """Parts of an attention softmax(scale q Kᵀ + bias) V, of (batch, heads, tokens, width)."""

    query: ir.Value
    key: ir.Value  # turned: (batch, heads, width, tokens)
    value: ir.Value
    bias: ir.Value | None
    scale: float
    result: ir.Node


class FuseAttention(ir.passes.InPlacePass):
    """Fuse attention whose weights aren't read into ``MultiHeadAttention`` (com.microsoft).

    The kernel takes queries, keys and values as (batch, tokens, heads * width): if a graph splits
    them into heads and nothing else, as they were before the split; otherwise heads are joined
    again. Attention of which only some rows are read is fused too: these rows are computed beside
    it. Needs inferred shapes.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Fuse in place, and remove unused nodes."""
        graph = model.graph
        fused = False
        for softmax in find_attentions(graph):
            found = None if softmax.outputs[0] in graph.outputs else _attention(softmax)
            if found is not None:
                _Fusion(graph, f"{softmax.name}/fused").fuse(found)
                fused = True
        if fused:
            model.opset_imports[DOMAIN] = 1
            common.RemoveUnusedNodesPass()(model)
        return ir.passes.PassResult(model, fused)


def _attention(softmax: ir.Node) -> Attention | None:
    """Recognise softmax(scale q Kᵀ + bias) V of split heads; None if it is otherwise."""
    weights = softmax.outputs[0]
    # All other readers must be content with some rows.
    readers = [use.node for use in weights.uses() if cut_of(use.node) is None]
    sides = weights.shape
    over_keys = softmax.attributes.get_int("axis", -1) in (-1, 3)
    if len(readers) != 1 or not over_keys or sides is None or len(sides) != 4:
        return None
    (result,) = readers
    value = result.inputs[1] if len(result.inputs) == 2 else None
    if result.op_type != "MatMul" or result.inputs[0] is not weights or not _has_sides(value):
        return None
    biased, bias = softmax.inputs[0], None
    added = None if biased is None else biased.producer()
    if added is not None and added.op_type == "Add":
        biased, bias = _parts(added, weights)
        if bias is None:
            return None
    scores, after = _unscaled(biased)
    if scores is None or scores.op_type != "MatMul" or not isinstance(sides[1], int):
        return None
    query, key = scores.inputs
    if value is None or not _has_sides(query) or not _has_sides(key):
        return None
    assert query is not None
    assert key is not None
    return Attention(query, key, value, bias, after, result)


def _parts(added: ir.Node, weights: ir.Value) -> tuple[ir.Value | None, ir.Value | None]:
    """Separate scores from the bias added to them, (1 or batch, 1 or heads, tokens, tokens)."""
    assert weights.shape is not None
    for scores, bias in (added.inputs, added.inputs[::-1]):
        node, _ = _unscaled(scores)
        shape = None if bias is None else bias.shape
        whole = shape is not None and list(shape)[-2:] == list(weights.shape)[-2:]
        if node is not None and node.op_type == "MatMul" and _has_sides(bias) and whole:
            return scores, bias
    return None, None


def _has_sides(value: ir.Value | None) -> bool:
    return value is not None and value.shape is not None and len(value.shape) == 4


class _Fusion(Writer):
    """Writes the fused operator, and what it takes to join heads and to split them again."""

    def fuse(self, found: Attention) -> None:
        assert found.value.shape is not None
        heads, scale = found.value.shape[1], found.scale
        parts: list[ir.Value | None] = []
        for name, part, order in (
            ("query", found.query, HEADS_FIRST),
            ("key", found.key, KEYS_LAST),
            ("value", found.value, HEADS_FIRST),
        ):
            # What is scaled behind the split isn't what the kernel takes.
            source, factor = _split(part, order, heads)
            if source is None or (name == "value" and factor != 1):
                source, factor = self._joined(part, order, name), 1.0
            scale *= factor
            parts.append(source)
        if found.bias is not None:
            parts += [None, None, found.bias]  # of projections, and which keys are there
        number_of = int(heads)  # type: ignore[arg-type]
        whole = self.op(
            "MultiHeadAttention", parts, "", domain=DOMAIN, num_heads=number_of, scale=scale
        )
        self._read(found.result, whole)
        self.put_before(found.result)

    def _read(self, result: ir.Node, whole: ir.Value) -> None:
        """Have readers take the fused operator's (batch, tokens, heads * width)."""
        turned = _only_consumer(result, "Transpose")
        joined = _only_consumer(turned, "Reshape")
        sides = result.outputs[0].shape
        assert sides is not None
        batch, heads, tokens, width = sides
        channels = heads * width if isinstance(heads, int) and isinstance(width, int) else None
        whole.type = result.outputs[0].type
        whole.shape = ir.Shape([batch, tokens, channels])
        if turned is not None and joined is not None:
            in_order = tuple(turned.attributes.get_ints("perm")) == HEADS_FIRST
            shape = joined.outputs[0].shape
            # The batch may have another name behind each reshape.
            if in_order and shape is not None and list(shape)[1:] == [tokens, channels]:
                joined.outputs[0].replace_all_uses_with(whole, replace_graph_outputs=True)
                return
        target = self.constant("heads", [0, 0, heads, width])  # type: ignore[arg-type]
        apart = [batch, tokens, heads, width]
        split = self.op("Reshape", [whole, target], "split", whole.dtype, apart)
        again = self.op("Transpose", [split], "again", whole.dtype, sides, perm=HEADS_FIRST)
        result.outputs[0].replace_all_uses_with(again)

    def _joined(self, value: ir.Value, order: tuple[int, ...], name: str) -> ir.Value:
        """Join heads: (batch, tokens, heads * width)."""
        back = tuple(order.index(axis) for axis in range(4))
        assert value.shape is not None
        batch, tokens, heads, width = (value.shape[axis] for axis in back)
        apart = [batch, tokens, heads, width]
        turned = self.op("Transpose", [value], f"{name}/turned", value.dtype, apart, perm=back)
        target = self.constant(f"{name}/shape", [0, 0, -1])
        channels = heads * width if isinstance(heads, int) and isinstance(width, int) else None
        together = [batch, tokens, channels]
        return self.op("Reshape", [turned, target], f"{name}/joined", value.dtype, together)


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
        factor = number(right)
        if factor is None or left is None:
            break
        scale *= factor if node.op_type == "Mul" else 1 / factor
        node = left.producer()
    return node, scale


def _only_consumer(node: ir.Node | None, op_type: str) -> ir.Node | None:
    uses = [] if node is None else list(node.outputs[0].uses())
    found = uses[0].node if len(uses) == 1 else None
    return found if found is not None and found.op_type == op_type else None
