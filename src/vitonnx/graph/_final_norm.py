"""The final norm: found behind the last block, and applied to all of its tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass

import onnx_ir as ir

from vitonnx.contract import FINAL_TOKENS
from vitonnx.graph._last_tokens import SINGLE, LastTokens, as_single
from vitonnx.graph._norms import Norm, norms_of
from vitonnx.graph._reshaped import OTHER, TOKENS, Roles
from vitonnx.graph._sides import known_sides, pick_of
from vitonnx.graph._token_axes import LAYOUT, MixedError, roles_behind
from vitonnx.graph._write import Writer, numbers
from vitonnx.layout import Layout

__all__ = ["write_final_tokens"]

# What leaves tokens as they are, and picks some.
PASSING = LAYOUT | {
    *("Cast", "DequantizeLinear", "Gather", "Identity", "QuantizeLinear", "Slice", "Split"),
    "Transpose",
}
# Every token can then stand in the batch's place.
CHANNELS_BEHIND = re.compile("[t1]*[bm][t1]*c[t1]*")
Rows = tuple[int, ...]


@dataclass(frozen=True)
class _Found:
    """A norm of some tokens, with the roles of their axes, and the tokens read of its result."""

    norm: Norm
    roles: Roles
    rows: Rows
    read: Rows


def write_final_tokens(graph: ir.Graph, last: LastTokens, layout: Layout) -> bool:
    """Add the output `FINAL_TOKENS`, and tell whether there is a final norm.

    Without one, it holds the last block's tokens as they are.
    """
    write = Writer(graph, FINAL_TOKENS)
    patches = range(layout.prefix, layout.prefix + layout.patches)
    found = _find(last, layout.tokens)
    value = last.output
    if found:
        mine = next((each for each in found if set(patches) <= set(each.read)), found[0])
        others = [each for each in found if set(patches).isdisjoint(each.read)]
        value = _applied(write, last, mine, "norm", layout.tokens)
        # DINOv3 has a norm for the patches, and another for all other tokens.
        if others and not any(each.norm.same_as(mine.norm) for each in others):
            second = _applied(write, last, others[0], "other_norm", layout.tokens)
            value = _put_together(write, value, second, layout)
    result = write.op("Identity", [value], "identity", SINGLE, last.output.shape)
    result.name = FINAL_TOKENS
    graph.extend(write.nodes)
    graph.outputs.append(result)
    return bool(found)


def _find(last: LastTokens, tokens: int) -> list[_Found]:
    """Find all norms of tokens that are as the last block leaves them."""
    found = []
    stack: list[tuple[ir.Value, Roles, Rows]] = [(last.value, last.roles, tuple(range(tokens)))]
    while stack:
        value, roles, rows = stack.pop(0)
        if CHANNELS_BEHIND.fullmatch(roles):
            for norm in norms_of(value, roles.index(OTHER)):
                found.append(_Found(norm, roles, rows, _read(norm.end, roles, rows)))
        for node in dict.fromkeys(value.consumers()):
            if node.op_type in PASSING and node.inputs[0] is value:
                stack.extend(_passed(node, roles, rows))
    return found


def _read(value: ir.Value, roles: Roles, rows: Rows) -> Rows:
    """Return the tokens that are picked of a value: all, where anything else is done to it."""
    found: set[int] = set()
    for node in value.consumers():
        if node.op_type not in ("Gather", "Slice"):
            return rows
        passed = _passed(node, roles, rows)
        if not passed:
            return rows
        found.update(passed[0][2])
    return tuple(sorted(found)) or rows


def _passed(node: ir.Node, roles: Roles, rows: Rows) -> list[tuple[ir.Value, Roles, Rows]]:
    """Follow tokens through a node: each output's roles, and the tokens in it; none if unknown."""
    source = node.inputs[0]
    assert source is not None
    try:
        behind = roles_behind(node, {source: roles})
    except MixedError:
        return []
    if node.op_type == "Split":
        return _parts(node, roles, rows)
    if node.op_type in ("Gather", "Slice"):
        for pick in pick_of(node) or ():
            whole = pick.entries == tuple(range((known_sides(source) or ())[pick.axis] or 0))
            if roles[pick.axis] == OTHER and not whole:
                return []  # some channels
            if roles[pick.axis] == TOKENS and roles.count(TOKENS) > 1 and not whole:
                return []  # some rows of a grid
            if roles[pick.axis] == TOKENS and roles.count(TOKENS) == 1:
                rows = tuple(rows[entry] for entry in pick.entries)
    return [(node.outputs[0], behind, rows)] if rows else []


def _parts(node: ir.Node, roles: Roles, rows: Rows) -> list[tuple[ir.Value, Roles, Rows]]:
    axis = node.attributes.get_int("axis", 0) % len(roles)
    sizes = numbers(node.inputs[1]) if len(node.inputs) > 1 else None
    if roles[axis] != TOKENS or roles.count(TOKENS) != 1 or sizes is None:
        return []
    parts, start = [], 0
    for value, size in zip(node.outputs, sizes, strict=True):
        parts.append((value, roles, rows[start : start + size]))
        start += size
    return [part for part in parts if part[2]]


def _applied(write: Writer, last: LastTokens, found: _Found, place: str, tokens: int) -> ir.Value:
    """Give the norm of all tokens, float32 (batch, tokens, dim)."""
    norm, shape = found.norm, last.output.shape
    end = norm.end
    if found.roles == last.roles == "btc" and found.rows == tuple(range(tokens)):
        return as_single(write, end, f"{place}/single")
    inner = Writer(write.graph, f"{write.name}/{place}")
    given = last.alone(inner, last.output, norm.value, found.roles)
    made = {norm.value: given}
    for node in norm.nodes:
        inputs = [made.get(value, value) if value is not None else None for value in node.inputs]
        made[node.outputs[0]] = inner.again(node, inputs).outputs[0]
    target = inner.constant("shape", [-1, tokens, int((known_sides(last.output) or ())[2] or 0)])
    whole = inner.op("Reshape", [made[end], target], "reshape", end.dtype, shape)
    write.nodes += inner.nodes
    return as_single(write, whole, f"{place}/single")


def _put_together(write: Writer, mine: ir.Value, others: ir.Value, layout: Layout) -> ir.Value:
    """Take the patches of one value, and all other tokens of another."""
    edges = [0, layout.prefix, layout.prefix + layout.patches, layout.tokens]
    axis = write.constant("axis", [1])
    batch, _, dim = mine.shape or (None, None, None)
    parts = []
    for number, source in enumerate((others, mine, others)):
        start, stop = edges[number : number + 2]
        if start < stop:
            bounds = [write.constant(f"edge_{edge}", [edge]) for edge in (start, stop)]
            parts.append(
                write.op(
                    "Slice",
                    [source, *bounds, axis],
                    f"part_{number}",
                    SINGLE,
                    [batch, stop - start, dim],
                )
            )
    return write.op("Concat", parts, "concat", SINGLE, mine.shape, axis=1)
