"""The residual stream, and the transformer blocks along it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from vitonnx.errors import ModelFileError
from vitonnx.graph import Block, ancestors, first_join
from vitonnx.tap._attention import Attention
from vitonnx.tap._observe import BATCH, pixel_values

__all__ = ["Stream", "find_stream"]

NORMS = frozenset(("LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization"))


@dataclass(frozen=True)
class Stream:
    """All blocks that attend to all tokens, in order."""

    blocks: tuple[Block, ...]
    attentions: tuple[Attention, ...]  # one of each per block
    tokens: int
    heads: int
    dim: int
    others: tuple[str, ...] = ()  # attention that belongs to no block, in words


def find_stream(graph: ir.Graph, attentions: Sequence[Attention], batch: int | None) -> Stream:
    """Put attentions in order along the stream of tokens that they add to.

    Needs a graph in topological order, with shapes; and the batch, if the graph fixes it. No Vision
    Transformer's are none, windows, or attention from some tokens to others: ModelFileError.
    """
    if not attentions:
        raise ModelFileError(
            "can't find self-attention in the model (a softmax between two products of tokens): "
            "it is not a Vision Transformer, or computes attention in a way that vitonnx doesn't "
            "know."
        )
    side = BATCH if batch is None else batch
    own, others = [], []
    for found in attentions:
        sides = _seen(found)
        if len(sides) >= 3 and sides[-1] == sides[-2]:
            own.append(found)
        else:
            others.append(f"{found.softmax.name} looks from {sides[-2]} tokens at {sides[-1]}")
    if not own:
        raise ModelFileError(
            f"The model's attention isn't among all tokens of a picture ({others[0]}): only "
            "self-attention has maps, so it can't be tapped."
        )
    kinds = {_kind(found, side) for found in own}
    windowed = [found for found in own if _kind(found, side) is None]
    if windowed:
        raise ModelFileError(
            f"The model attends within windows ({len(windowed)} of {len(own)} attentions, such as "
            f"{windowed[0].softmax.name}, of shape {_words(_seen(windowed[0]))}): it has no map of "
            "the whole picture, so it can't be tapped."
        )
    if len(kinds) > 1:
        counts = ", ".join(
            f"{heads} heads over {tokens} tokens" for tokens, heads in sorted(k for k in kinds if k)
        )
        raise ModelFileError(
            f"The model's blocks are not alike ({counts}): it is not a plain Vision Transformer, "
            "so it can't be tapped."
        )
    ((tokens, heads),) = (kind for kind in kinds if kind)
    blocks = _join(graph, own)
    dims = {_check_stream(block, tokens, side) for block in blocks}
    if len(dims) > 1:
        raise ModelFileError(
            "The model's blocks differ in width: it is not a plain Vision Transformer, "
            "so it can't be tapped."
        )
    return Stream(tuple(blocks), tuple(own), tokens, heads, dims.pop(), tuple(others))


def _sides(value: ir.Value) -> list[int | str]:
    shape = () if value.shape is None else value.shape
    return [side if isinstance(side, int) else str(side.value) for side in shape]


def _seen(found: Attention) -> list[int | str]:
    return _sides(found.softmax.outputs[0])


def _words(sides: Sequence[int | str]) -> str:
    return f"({', '.join(map(str, sides))})"


def _kind(found: Attention, batch: int | str) -> tuple[int, int] | None:
    """Return the numbers of tokens and heads; None if the first side isn't the batch."""
    sides = _seen(found)
    tokens = sides[-1]
    if not isinstance(tokens, int):
        return None
    if len(sides) == 4 and sides[0] == batch and isinstance(sides[1], int):
        return tokens, sides[1]
    if len(sides) == 3:  # heads and batch in one
        if sides[0] == batch:
            return tokens, 1
        if isinstance(sides[0], int) and isinstance(batch, int) and sides[0] % batch == 0:
            return tokens, sides[0] // batch
        times, _, rest = str(sides[0]).partition("*")
        if rest == batch:
            return tokens, int(times)
    return None


def _join(graph: ir.Graph, attentions: Sequence[Attention]) -> list[Block]:
    """Find where each attention is added to the stream, and what leaves its block."""
    nodes = list(graph)
    places = {node: number for number, node in enumerate(nodes)}
    joins = []
    for found in attentions:
        before = ancestors(found.scores.inputs)
        after = nodes[places[found.result] :]
        join = first_join(after, {found.weights, found.values} - before, before)
        if join is None:
            raise ModelFileError(
                f"The attention {found.softmax.name} has no skip connection: it is not a block of "
                "a Vision Transformer, so the model can't be tapped."
            )
        stream = next(value for value in join.inputs if value in before)
        _check_alone(graph, stream, found)
        joins.append((stream, join))
    starts = [stream for stream, _ in joins]
    if len(set(starts)) < len(starts):
        raise ModelFileError(
            "Several attentions of the model read the same tokens in parallel: it is not a plain "
            "Vision Transformer, so it can't be tapped."
        )
    moving = pixel_values(graph)
    norms = [_norm_behind(join.outputs[0]) for _, join in joins]
    middles = [
        join.outputs[0] if norm is None else norm
        for (_, join), norm in zip(joins, norms, strict=True)
    ]
    ends = [
        _leave(middle, nodes[places[join] + 1 :], normed=norm is not None)
        for middle, norm, (_, join) in zip(middles, norms, joins, strict=True)
    ]
    for number, (end, start) in enumerate(zip(ends, starts[1:], strict=False)):
        if start in _placed(end, moving):
            ends[number] = start
        elif start not in _same(end):
            raise ModelFileError(
                f"There is an operation between block {number} of the model and the next "
                f"({end.name!r} becomes {start.name!r}): it is not a plain Vision Transformer, so "
                "it can't be tapped."
            )
    return [
        Block(found.softmax, start, middle, end)
        for found, (start, _), middle, end in zip(attentions, joins, middles, ends, strict=True)
    ]


def _placed(value: ir.Value, moving: set[ir.Value]) -> set[ir.Value]:
    """Return sums of a value with terms that don't depend on pixels, such as positions."""
    readers = [use.node for each in _same(value) for use in each.uses()]
    return {
        node.outputs[0]
        for node in readers
        if node.op_type == "Add" and not all(source in moving for source in node.inputs)
    }


def _same(value: ir.Value) -> set[ir.Value]:
    """Return a value, and its versions after rounding to integers and back."""
    found = {value}
    for use in value.uses():
        if use.node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            found |= _same(use.node.outputs[0])
    return found


def _norm_behind(value: ir.Value) -> ir.Value | None:
    """Return the norm that alone reads a sum: the stream of a post-norm block."""
    same = _same(value)
    readers = {use.node for each in same for use in each.uses()}
    readers = {node for node in readers if same.isdisjoint(node.outputs)}
    if len(readers) != 1:
        return None
    (norm,) = readers
    return norm.outputs[0] if norm.op_type in NORMS else None


def _leave(middle: ir.Value, behind: Sequence[ir.Node], *, normed: bool) -> ir.Value:
    """Follow a block to its end: the skip connection round its MLP, where it has one.

    In a post-norm block, which normalises its sums, the end is the norm after the sum.
    """
    same = _same(middle)
    join = first_join(behind, same, same)
    if join is not None:
        end = join.outputs[0]
        return (_norm_behind(end) or end) if normed else end
    # MLP and attention side by side: one more sum, and nothing else reads the first.
    uses = list(middle.uses())
    if len(uses) == 1 and uses[0].node.op_type == "Add" and None not in uses[0].node.inputs:
        total = uses[0].node.outputs[0]
        if total.shape == middle.shape:
            return total
    return middle


def _check_alone(graph: ir.Graph, stream: ir.Value, found: Attention) -> None:
    """See that queries, keys and values are made of these tokens and of nothing else."""
    reached = pixel_values(graph, past=stream)
    needed = ancestors([*found.scores.inputs, found.values])
    inputs = [value for value in (*found.scores.inputs, found.values) if value is not None]
    if stream in needed and reached.intersection(inputs):
        raise ModelFileError(
            f"The attention {found.softmax.name} looks at more than the tokens that it is added "
            "to: that is cross-attention, which has no map of its own, so the model can't be "
            "tapped."
        )


def _check_stream(block: Block, tokens: int, batch: int | str) -> int:
    """Return the width of the stream."""
    widths = {_width(value, tokens, batch, block) for value in (block.stream_in, block.stream_out)}
    if len(widths) > 1:
        raise ModelFileError(
            "The model's tokens change their width: it is not a plain Vision Transformer, so it "
            "can't be tapped."
        )
    return widths.pop()


def _width(value: ir.Value, tokens: int, batch: int | str, block: Block) -> int:
    sides = _sides(value)
    match sides:
        case [first, second, int(width)] if {first, second} == {batch, tokens}:
            return width
        case [first, int(rows), int(columns), int(width)] if (
            first == batch and rows * columns == tokens
        ):
            return width
    raise ModelFileError(
        f"The attention {block.softmax.name} is among {tokens} tokens, but is added to a value of "
        f"shape {_words(sides)}: the model attends within windows, or is not a "
        "Vision Transformer, so it can't be tapped."
    )
