"""Which axes of a value are tokens, followed from node to node as long as tokens stay alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import onnx_ir as ir

from vitonnx.graph._reshaped import BATCH, BOTH, ONE, OTHER, TOKENS, Roles, reshaped
from vitonnx.graph._sides import known_sides, pick_of, reduced_axes
from vitonnx.graph._write import number

__all__ = ["LAYOUT", "MixedError", "roles_behind"]

UNARY = frozenset(
    (
        *("Abs", "Cast", "Ceil", "Clip", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid"),
        *("HardSwish", "Identity", "LeakyRelu", "Log", "Mish", "Neg", "Reciprocal", "Relu"),
        *("Round", "Selu", "Sigmoid", "Sign", "Softplus", "Softsign", "Sqrt", "Tanh"),
        "DynamicQuantizeLinear",  # one scale for all
    )
)
BROADCAST = frozenset(("Add", "Div", "Max", "Min", "Mul", "PRelu", "Pow", "Sub", "Sum", "Where"))
LINEAR = frozenset(("DequantizeLinear", "QuantizeLinear"))
PRODUCTS = frozenset(("MatMul", "MatMulBnb4", "MatMulInteger", "MatMulNBits"))
FROM_AXIS = frozenset(("LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization"))
ALONG_AXIS = frozenset(("Hardmax", "LogSoftmax", "LpNormalization", "Softmax"))
LAYOUT = frozenset(("Flatten", "Reshape", "Squeeze", "Unsqueeze"))
POOLS = frozenset(("GlobalAveragePool", "GlobalMaxPool"))
# Of equal tokens, any of these is that token; a sum is, but for their number.
POOLING = frozenset(("ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum"))
REDUCTIONS = POOLING | {"ReduceL1", "ReduceL2", "ReduceSumSquare"}


class MixedError(Exception):
    """Tokens are not treated alike; the message is what is done to them, said of the head."""


def roles_behind(node: ir.Node, roles: Mapping[ir.Value, Roles]) -> Roles:
    """Return the roles of a node's first output, by those of its inputs.

    Inputs that hold no tokens have none, and are left out of the mapping. Needs inferred shapes.

    Raises
    ------
    MixedError
        If the output of one token depends on others in another way than by picking and pooling, or
        on the token's place.
    """
    own = [roles.get(value) if value is not None else None for value in node.inputs]
    kind = "" if node.domain not in ("", "com.microsoft") else node.op_type
    sides = known_sides(node.inputs[0])
    if sides is None or any(known_sides(value) is None for value in node.outputs[:1]):
        raise MixedError(f"has a shape that isn't known ({_named(node)})")
    if kind in BROADCAST:
        return _broadcast(node, own)
    first = own[0]
    if first is None:
        if kind in PRODUCTS and own[1] is not None:
            return _product_behind(node, own[1])
        if kind == "Concat":
            return _joined(node, own)
        raise _unknown(node)
    if any(own[1:]) and kind not in (*PRODUCTS, "Concat"):
        raise _unknown(node)
    rules: dict[str, Callable[[], Roles]] = {
        "Transpose": lambda: "".join(first[axis] for axis in _turned(node, len(first))),
        "Gemm": lambda: _product(node, first),
        "Concat": lambda: _joined(node, own),
        "Slice": lambda: _picked(node, first),
        "Gather": lambda: _picked(node, first),
        "Split": lambda: first,
        "Expand": lambda: _expanded(node, first, roles),
        "BatchNormalization": lambda: _along(node, first, [0, *range(2, len(first))], first),
    }
    if kind in rules:
        return rules[kind]()
    if kind in UNARY or (kind in LINEAR and _one_scale(node, first)):
        return first
    if kind in PRODUCTS:
        if own[1:2] != [None]:
            raise MixedError(f"multiplies tokens by tokens ({_named(node)})")
        return _product(node, first)
    if kind in FROM_AXIS or kind in ALONG_AXIS:
        axis = node.attributes.get_int("axis", -1) % len(first)
        end = len(first) if kind in FROM_AXIS else axis + 1
        return _within(node, first, range(axis, end))
    if kind in LAYOUT:
        behind = reshaped(first, sides, known_sides(node.outputs[0]) or ())
        if behind is None:
            raise MixedError(f"puts tokens together to one vector ({_named(node)})")
        return behind
    if kind in POOLS:
        return first[:2] + ONE * (len(first) - 2) if first[:2] == "bc" else _stop(node)
    if kind in REDUCTIONS:
        return _reduced(node, first)
    raise _unknown(node)


def _named(node: ir.Node) -> str:
    return f"{node.op_type} {node.name!r}"


def _unknown(node: ir.Node) -> MixedError:
    return MixedError(f"does to tokens what vitonnx can't do to one alone ({_named(node)})")


def _stop(node: ir.Node) -> Roles:
    raise _unknown(node)


def _turned(node: ir.Node, rank: int) -> Sequence[int]:
    return node.attributes.get_ints("perm", tuple(range(rank))[::-1])


def _one_scale(node: ir.Node, roles: Roles) -> bool:
    """Whether values are quantised with one scale, or with one per channel."""
    scale = node.inputs[1]
    axis = node.attributes.get_int("axis", 1) % max(len(roles), 1)
    return number(scale) is not None or known_sides(scale) == () or roles[axis] == OTHER


def _expanded(node: ir.Node, own: Roles, roles: Mapping[ir.Value, Roles]) -> Roles:
    """Repeat single entries as often as another value of the same tokens has some."""
    sides = None if node.inputs[1] is None else node.inputs[1].producer()
    like = None if sides is None or sides.op_type != "Shape" else sides.inputs[0]
    theirs = "" if like is None else roles.get(like, "")
    if len(theirs) != len(own):
        return _stop(node)
    return "".join(their if mine == ONE else mine for mine, their in zip(own, theirs, strict=True))


def _within(node: ir.Node, roles: Roles, axes: Sequence[int]) -> Roles:
    """Keep the roles if what is normalised is of one token."""
    if any(roles[axis] not in (OTHER, ONE) for axis in axes):
        what = "weighs tokens against each other" if "max" in node.op_type else "normalises tokens"
        raise MixedError(f"{what} ({_named(node)})")
    return roles


def _along(node: ir.Node, roles: Roles, free: Sequence[int], behind: Roles) -> Roles:
    """Keep the roles if all axes but the free ones are channels."""
    bound = set(range(len(roles))) - set(free)
    return behind if all(roles[axis] in (OTHER, ONE) for axis in bound) else _stop(node)


def _broadcast(node: ir.Node, own: Sequence[Roles | None]) -> Roles:
    """Line axes up from the last; what meets tokens must be the same for each."""
    rank = len(known_sides(node.outputs[0]) or ())
    behind = ""
    for place in range(1, rank + 1):
        met = set()
        for value, roles in zip(node.inputs, own, strict=True):
            sides = known_sides(value)
            if sides is None:
                raise MixedError(f"has a shape that isn't known ({_named(node)})")
            if len(sides) >= place:
                if roles is not None:
                    met.add(roles[-place])
                elif sides[-place] != 1:
                    met.add("own")
        for role in (TOKENS, BOTH):
            if role in met and met - {role, ONE}:
                raise MixedError(f"treats every token in its own way ({_named(node)})")
        found = [role for role in (TOKENS, BOTH, BATCH, OTHER) if role in met]
        behind = (found[0] if found else OTHER if "own" in met else ONE) + behind
    return behind


def _product(node: ir.Node, roles: Roles) -> Roles:
    """Multiply the channels of a first factor by weights."""
    if roles[-1] not in (OTHER, ONE) or node.attributes.get_int("transA", 0) == 1:
        raise MixedError(f"sums over tokens ({_named(node)})")
    weights = known_sides(node.inputs[1])
    plain = node.op_type not in ("MatMul", "MatMulInteger")
    if not plain and (weights is None or any(side != 1 for side in weights[:-2])):
        return _stop(node)
    return roles[:-1] + OTHER


def _product_behind(node: ir.Node, roles: Roles) -> Roles:
    """Multiply the channels of a second factor by weights."""
    weights = known_sides(node.inputs[0])
    if len(roles) < 2 or roles[-2] not in (OTHER, ONE):
        raise MixedError(f"sums over tokens ({_named(node)})")
    if weights is None or len(weights) != 2:
        return _stop(node)
    return roles[:-2] + OTHER + roles[-1]


def _joined(node: ir.Node, own: Sequence[Roles | None]) -> Roles:
    """Join along channels, or tokens to tokens."""
    rank = len(known_sides(node.outputs[0]) or ())
    axis = node.attributes.get_int("axis", 0) % rank
    behind = ""
    alone = any(roles is None for roles in own)
    for place in range(rank):
        met = {roles[place] for roles in own if roles is not None}
        tokens = {TOKENS, BOTH} & met
        # Sides agree but for the axis along which is joined.
        if tokens and place != axis and (alone or met - tokens):
            raise MixedError(f"treats every token in its own way ({_named(node)})")
        if tokens and place == axis and (alone or met - {TOKENS, ONE}):
            raise MixedError(f"puts other tokens beside its own ({_named(node)})")
        found = [role for role in (TOKENS, BOTH, BATCH, OTHER) if role in met]
        behind += found[0] if found else OTHER
    return behind


def _reduced(node: ir.Node, roles: Roles) -> Roles:
    axes = reduced_axes(node, len(roles))
    if axes is None:
        return _stop(node)
    over = {roles[axis] for axis in axes}
    if over & {BATCH, BOTH} or (TOKENS in over and node.op_type not in POOLING):
        return _stop(node)
    kept = node.attributes.get_int("keepdims", 1)
    return "".join(
        role if axis not in axes else ONE if kept else "" for axis, role in enumerate(roles)
    )


def _picked(node: ir.Node, roles: Roles) -> Roles:
    """Follow tokens through a slice, or what gathers constant entries."""
    picks = pick_of(node)
    if picks is None:
        return _stop(node)
    left = list(roles)
    for pick in picks:
        if roles[pick.axis] in (BATCH, BOTH):
            return _stop(node)
        if pick.drops:
            left[pick.axis] = ""
        elif len(pick.entries) == 1:
            left[pick.axis] = ONE
    return "".join(left)
