"""Fused operators, written out: softmax and skip connections come into the open."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import onnx_ir as ir
import onnx_ir.passes.common as common
from onnx_ir.tape import Tape

from vitonnx.errors import ModelFileError
from vitonnx.graph import constant

__all__ = ["Unfuse"]

MICROSOFT = "com.microsoft"
HEADS_FIRST = (0, 2, 1, 3)  # (batch, tokens, heads, dim) to (batch, heads, tokens, dim)

Outputs: TypeAlias = Sequence[ir.Value | None]


class Unfuse(ir.passes.InPlacePass):
    """Write attention, skip connections with norms, and biases with GELUs in standard operators.

    ``Attention`` of opset 23; ``Attention``, ``MultiHeadAttention``, ``SkipLayerNormalization``,
    ``BiasGelu``, ``FastGelu``, ``QuickGelu`` and ``FusedMatMul`` of com.microsoft, as their
    documents define them. Where shapes are not known, nodes are left.
    What does what no Vision Transformer does, such as attending to a past: ModelFileError.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Rewrite in place."""
        modified = False
        for node in list(model.graph):
            write_out = RULES.get((node.domain, node.op_type))
            if write_out is None or not _has_sides(node):
                continue
            tape = Tape()
            outputs = write_out(_Writer(tape, model.graph, str(node.name)), node)
            model.graph.insert_before(node, tape.nodes)
            for old, new in zip(node.outputs, outputs, strict=False):
                if new is None:
                    if old.uses():
                        raise _strange(node, f"gives {old.name!r}")
                    continue
                new.shape, new.type = old.shape, old.type
                new.name, old.name = old.name, f"{old.name}/fused"
                old.replace_all_uses_with(new, replace_graph_outputs=True)
            for number, written in enumerate(tape.nodes):
                written.name = f"{node.name}/{written.op_type.lower()}_{number}"
                for value in written.outputs:
                    value.name = value.name or written.name
            model.graph.remove(node, safe=True)
            modified = True
        if modified:
            # What was inserted has no shapes yet.
            common.ShapeInferencePass()(model)
            common.RemoveUnusedNodesPass()(model)
        return ir.passes.PassResult(model, modified)


class _Writer:
    """Writes nodes; constants become initializers under the fused node's name."""

    def __init__(self, tape: Tape, graph: ir.Graph, name: str) -> None:
        self.tape, self.graph, self.name = tape, graph, name
        self.constants = 0

    def op(self, kind: str, *inputs: ir.Value | None, **attributes: object) -> ir.Value:
        """Write a node of one output, of the type of its inputs."""
        value = self.tape.op(kind, inputs, attributes)  # type: ignore[arg-type]
        source = inputs[1] if kind == "Where" else inputs[0]
        value.type = None if source is None else source.type
        return value

    def constant(self, array: object, like: ir.Value | None = None) -> ir.Value:
        """Return a constant; numbers take another value's type."""
        data = np.asarray(array)
        if like is not None and like.dtype is not None:
            data = data.astype(like.dtype.numpy())
        elif data.dtype.kind == "i":
            data = data.astype(np.int64)
        name = f"{self.name}/constant_{self.constants}"
        self.constants += 1
        return constant(self.graph, name, data)

    def split_heads(self, value: ir.Value, heads: int) -> ir.Value:
        """(batch, tokens, heads * dim) to (batch, heads, tokens, dim)."""
        shape = self.constant([0, 0, heads, -1])
        return self.op("Transpose", self.op("Reshape", value, shape), perm=HEADS_FIRST)

    def join_heads(self, value: ir.Value) -> ir.Value:
        """(batch, heads, tokens, dim) to (batch, tokens, heads * dim)."""
        turned = self.op("Transpose", value, perm=HEADS_FIRST)
        return self.op("Reshape", turned, self.constant([0, 0, -1]))

    def part(self, value: ir.Value, axis: int, start: int, stop: int) -> ir.Value:
        """Take a slice."""
        return self.op("Slice", value, *(self.constant([n]) for n in (start, stop, axis)))

    def unpack(self, value: ir.Value, number: int) -> ir.Value:
        """(batch, tokens, heads, packed, dim) to (batch, heads, tokens, dim)."""
        one = self.op("Squeeze", self.part(value, 3, number, number + 1), self.constant([3]))
        return self.op("Transpose", one, perm=HEADS_FIRST)

    def attend(
        self,
        query: ir.Value,
        key: ir.Value,
        value: ir.Value,
        scale: float,
        biases: Sequence[ir.Value | None] = (),
    ) -> ir.Value:
        """Softmax(scale q Kᵀ + biases) V of (batch, heads, tokens, dim)."""
        scaled = self.op("Mul", query, self.constant(scale, like=query))
        scores = self.op("MatMul", scaled, self.op("Transpose", key, perm=(0, 1, 3, 2)))
        for bias in biases:
            if bias is not None:
                scores = self.op("Add", scores, bias)
        return self.op("MatMul", self.op("Softmax", scores, axis=-1), value)


def _attention(write: _Writer, node: ir.Node) -> Outputs:
    """Attention of opset 23: queries, keys and values apart, heads split or not."""
    query, key, value, mask, *past = _padded(node, 6)
    causal = node.attributes.get_int("is_causal", 0)
    if causal or any(each is not None for each in past):
        raise _strange(node, "is causal, or doesn't attend to all tokens")
    if node.attributes.get_float("softcap", 0.0):
        raise _strange(node, "caps its scores")
    split = len(_sides(query)) == 4
    if not split:
        heads = node.attributes.get_int("q_num_heads", 0)
        if node.attributes.get_int("kv_num_heads", 0) != heads:
            raise _strange(node, "shares keys between heads")
        query, key, value = (write.split_heads(each, heads) for each in (query, key, value))
        size = _sides(node.inputs[0])[2] // heads
    else:
        if _sides(query)[1] != _sides(key)[1]:
            raise _strange(node, "shares keys between heads")
        size = _sides(query)[3]
    scale = node.attributes.get_float("scale", 1 / math.sqrt(size))
    if mask is not None and mask.dtype == ir.DataType.BOOL:
        least = write.constant(-np.inf, like=query)
        mask = write.op("Where", mask, write.constant(0.0, like=query), least)
    result = write.attend(query, key, value, scale, [mask])
    return [result if split else write.join_heads(result), None, None, None]


def _multi_head_attention(write: _Writer, node: ir.Node) -> Outputs:
    """MultiHeadAttention of com.microsoft: projected already, packed or not."""
    query, key, value, bias, padding, added, *past = _padded(node, 10)
    if padding is not None or any(each is not None for each in past):
        raise _strange(node, "masks keys, or is causal")
    if node.attributes.get_int("unidirectional", 0):
        raise _strange(node, "doesn't attend to all tokens")
    heads = node.attributes.get_int("num_heads", 0)
    if key is None:  # packed: (batch, tokens, heads, 3, dim)
        size = _sides(query)[4]
        parts = [write.unpack(query, number) for number in range(3)]
    elif value is None:  # (batch, tokens, heads, 2, dim)
        size = _sides(key)[4]
        query = write.split_heads(_biased(write, query, bias, 0, heads * size), heads)
        parts = [query, write.unpack(key, 0), write.unpack(key, 1)]
    else:
        size = _sides(query)[2] // heads
        parts = [
            each
            if len(_sides(each)) == 4
            else write.split_heads(_biased(write, each, bias, number, heads * size), heads)
            for number, each in enumerate((query, key, value))
        ]
    scale = node.attributes.get_float("scale", 0.0) or 1 / math.sqrt(size)
    return [write.join_heads(write.attend(*parts, scale, [added])), None, None]


def _biased(
    write: _Writer, value: ir.Value, bias: ir.Value | None, number: int, width: int
) -> ir.Value:
    """Add a projection's share of the bias that queries, keys and values have together."""
    if bias is None:
        return value
    return write.op("Add", value, write.part(bias, 0, number * width, (number + 1) * width))


def _projecting_attention(write: _Writer, node: ir.Node) -> Outputs:
    """Attention of com.microsoft: one product for queries, keys and values is in it."""
    tokens, weight, bias, mask, past, added, *_ = _padded(node, 7)
    if mask is not None or past is not None or node.attributes.get_int("unidirectional", 0):
        raise _strange(node, "masks tokens, or is causal")
    heads = node.attributes.get_int("num_heads", 0)
    product = write.op("MatMul", tokens, weight)
    if bias is not None:
        product = write.op("Add", product, bias)
    total = _sides(weight)[1]
    given = node.attributes.get("qkv_hidden_sizes")
    sizes = [total // 3] * 3 if given is None else list(given.as_ints())
    starts = [sum(sizes[:n]) for n in range(4)]
    parts = [
        write.split_heads(write.part(product, 2, starts[n], starts[n + 1]), heads) for n in range(3)
    ]
    scale = node.attributes.get_float("scale", 0.0) or 1 / math.sqrt(sizes[0] // heads)
    return [write.join_heads(write.attend(*parts, scale, [added])), None]


def _skip_norm(write: _Writer, node: ir.Node) -> Outputs:
    """SkipLayerNormalization: the sum, and its norm."""
    tokens, skip, scale, shift, bias = _padded(node, 5)
    # Whichever is a product's result is the branch, and the bias is that product's.
    stream, branch = (skip, tokens) if _is_product(tokens) else (tokens, skip)
    if bias is not None:
        branch = write.op("Add", branch, bias)
    total = write.op("Add", stream, branch)
    epsilon = node.attributes.get_float("epsilon", 1e-12)
    norm = write.op("LayerNormalization", total, scale, shift, axis=-1, epsilon=epsilon)
    return [norm, None, None, total]


def _is_product(value: ir.Value) -> bool:
    node = value.producer()
    return node is not None and node.op_type in ("MatMul", "Gemm")


def _gelu(write: _Writer, node: ir.Node) -> Outputs:
    """BiasGelu and FastGelu: perhaps a bias, then GELU, exact or by tanh."""
    tokens, bias = _padded(node, 2)
    total = tokens if bias is None else write.op("Add", tokens, bias)
    return [_written_gelu(write, total, by_tanh=node.op_type == "FastGelu")]


def _written_gelu(write: _Writer, x: ir.Value, *, by_tanh: bool) -> ir.Value:
    """Expand into operators that every opset has; FuseGelus combines them."""

    def number(value: float) -> ir.Value:
        return write.constant(value, like=x)

    if by_tanh:
        cube = write.op("Mul", write.op("Mul", write.op("Mul", x, x), x), number(0.044715))
        inner = write.op("Mul", write.op("Add", x, cube), number(math.sqrt(2 / math.pi)))
        curve = write.op("Tanh", inner)
    else:
        curve = write.op("Erf", write.op("Mul", x, number(math.sqrt(0.5))))
    half = write.op("Mul", x, number(0.5))
    return write.op("Mul", half, write.op("Add", curve, number(1.0)))


def _quick_gelu(write: _Writer, node: ir.Node) -> Outputs:
    """QuickGelu: x times sigmoid(alpha x)."""
    (x,) = _padded(node, 1)
    alpha = write.constant(node.attributes.get_float("alpha", 1.702), like=x)
    return [write.op("Mul", x, write.op("Sigmoid", write.op("Mul", x, alpha)))]


def _scaled_product(write: _Writer, node: ir.Node) -> Outputs:
    """FusedMatMul: a product of perhaps transposed factors, scaled."""
    first, second = _padded(node, 2)
    if any(node.attributes.get_int(f"transBatch{which}", 0) for which in "AB"):
        raise _strange(node, "transposes its batches")
    factors = []
    for value, flag in ((first, "transA"), (second, "transB")):
        axes = list(range(len(_sides(value))))
        axes[-2:] = axes[-1], axes[-2]
        turned = node.attributes.get_int(flag, 0)
        factors.append(write.op("Transpose", value, perm=axes) if turned else value)
    alpha = write.constant(node.attributes.get_float("alpha", 1.0), like=first)
    return [write.op("Mul", write.op("MatMul", *factors), alpha)]


RULES: dict[tuple[str, str], Callable[[_Writer, ir.Node], Outputs]] = {
    ("", "Attention"): _attention,
    (MICROSOFT, "Attention"): _projecting_attention,
    (MICROSOFT, "MultiHeadAttention"): _multi_head_attention,
    (MICROSOFT, "SkipLayerNormalization"): _skip_norm,
    (MICROSOFT, "BiasGelu"): _gelu,
    (MICROSOFT, "FastGelu"): _gelu,
    (MICROSOFT, "Gelu"): _gelu,
    (MICROSOFT, "QuickGelu"): _quick_gelu,
    (MICROSOFT, "FusedMatMul"): _scaled_product,
}


def _padded(node: ir.Node, count: int) -> list[ir.Value]:
    """Return a node's inputs, including those omitted at the end."""
    inputs = [value if value is not None and value.name else None for value in node.inputs]
    return [*inputs, *[None] * (count - len(inputs))]  # type: ignore[list-item]


def _sides(value: ir.Value | None) -> list[int]:
    shape = None if value is None else value.shape
    return [] if shape is None else [side if isinstance(side, int) else -1 for side in shape]


def _has_sides(node: ir.Node) -> bool:
    """Whether it is known how wide a node's inputs are."""
    inputs = [value for value in node.inputs if value is not None and value.name]
    return all(value.shape is not None for value in inputs) and _sides(inputs[0])[-1] > 0


def _strange(node: ir.Node, what: str) -> ModelFileError:
    return ModelFileError(
        f"The model's {node.op_type} {node.name!r} {what}, which no Vision Transformer does: it "
        "can't be tapped."
    )
