"""The head, given one token alone in place of all that it reads."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import onnx_ir as ir

from vitonnx.errors import UsageError
from vitonnx.graph._last_tokens import LastTokens
from vitonnx.graph._read_head import HeadNodes
from vitonnx.graph._reshaped import BATCH, BOTH, ONE, OTHER, TOKENS, Roles
from vitonnx.graph._sides import known_sides, pick_of, reduced_axes, slice_bounds
from vitonnx.graph._token_axes import LAYOUT, MixedError, roles_behind
from vitonnx.graph._write import Writer, constant, numbers

__all__ = ["logits_of_each"]


def logits_of_each(
    write: Writer,
    head: HeadNodes,
    last: LastTokens,
    tokens: ir.Value,
    *,
    asks: str,
    may_pool: bool = False,
) -> ir.Value:
    """Write what the head says of tokens, float32 (batch, tokens, dim), each alone.

    Wherever it reads several tokens, all of them are that one: whatever it picks is the token, and
    so is every mean. So a sequence of one token does. It may pool by attention where `may_pool`
    says so; `asks` is the name of who asks, for messages.

    Returns
    -------
    onnx_ir.Value
        (batch · tokens, classes).

    Raises
    ------
    UsageError
        If the head treats tokens otherwise than by picking and pooling, or each in its own way.
    """
    alone = last.alone(write, tokens, last.value, last.roles)
    copy = _Copy(write, {last.value: alone}, {last.value: last.roles}, may_pool=may_pool)
    for node in head.nodes:
        try:
            copy.add(node)
        except MixedError as error:
            raise UsageError(
                f"the model's head {error}, so it reads no token by itself: {asks} can't be used "
                "on it."
            ) from None
    return copy.made[head.logits]


class _Copy:
    """Nodes of the head again, with one entry along each axis of tokens."""

    def __init__(
        self,
        write: Writer,
        made: dict[ir.Value, ir.Value],
        roles: dict[ir.Value, Roles],
        *,
        may_pool: bool,
    ) -> None:
        self.write, self.made, self.roles, self.may_pool = write, made, roles, may_pool

    def add(self, node: ir.Node) -> None:
        """Write a node again; MixedError where its tokens don't stay alike."""
        if not any(value in self.roles for value in node.inputs):
            self._free(node)
            return
        if node.op_type == "Shape":
            self._count(node)
            return
        pooled = _pooled(node, self.roles) if self.may_pool else None
        behind = pooled or roles_behind(node, self.roles)
        result = node.outputs[0]
        if node.op_type in LAYOUT:
            self.made[result] = self._reshape(node, behind)
        elif node.op_type in ("Gather", "Slice"):
            self.made[result] = self._pick(node, behind)
        elif node.op_type == "Split":
            self._split(node)
            return
        elif node.op_type == "Concat" and self._puts_tokens_together(node):
            self.made[result] = self._only(node)
        elif node.op_type == "ReduceSum":
            self.made[result] = self._sum(node)
        else:
            self._again(node)
        self._say_shape(result, behind)
        if TOKENS in behind or BOTH in behind:
            self.roles[result] = behind

    def _say_shape(self, value: ir.Value, roles: Roles) -> None:
        """Say the shape of a copy, which can't always be inferred."""
        sides = known_sides(value) or ()
        if len(sides) == len(roles) and self.made[value].shape is None:
            self.made[value].shape = ir.Shape(
                1 if role == TOKENS else None if role in (BATCH, BOTH) else side
                for role, side in zip(roles, sides, strict=True)
            )

    def _inputs(self, node: ir.Node) -> list[ir.Value | None]:
        return [None if value is None else self.made.get(value, value) for value in node.inputs]

    def _again(self, node: ir.Node) -> ir.Node:
        again = self.write.again(node, self._inputs(node))
        self.made.update(zip(node.outputs, again.outputs, strict=True))
        return again

    def _free(self, node: ir.Node) -> None:
        """Write a node again that sees no tokens; a batch of one picture is one of many now."""
        again = self._again(node)
        sides = known_sides(node.outputs[0])
        if node.op_type != "Reshape" or not sides or sides[0] != 1 or None in sides:
            return
        target = numbers(node.inputs[1])
        if target is not None and target[0] != 0:
            own = constant(self.write.graph, f"{again.name}/shape", np.array((-1, *sides[1:]), int))
            again.replace_input_with(1, own)

    def _count(self, node: ir.Node) -> None:
        """Let others be repeated as often as the tokens, or as there are pictures.

        No other use of the tokens' number is known.
        """
        if not _is_of_pictures(node) and any(
            use.node.op_type != "Expand" for use in node.outputs[0].uses()
        ):
            raise MixedError(f"counts its tokens ({node.op_type} {node.name!r})")
        self._again(node)

    def _reshape(self, node: ir.Node, behind: Roles) -> ir.Value:
        sides = known_sides(node.outputs[0]) or ()
        target = [
            -1 if role in (BATCH, BOTH) else 1 if role == TOKENS else side
            for role, side in zip(behind, sides, strict=True)
        ]
        if target.count(-1) > 1 or None in target:
            raise MixedError(f"has a shape that isn't known ({node.op_type} {node.name!r})")
        place = str(node.name)
        shape = self.write.constant(f"{place}/shape", np.array(target, np.int64))
        source = self._inputs(node)[0]
        return self.write.op("Reshape", [source, shape], place, node.outputs[0].dtype)

    def _pick(self, node: ir.Node, behind: Roles) -> ir.Value:
        """Take from all axes but tokens, whose only entry is all there is."""
        source, place = self._inputs(node)[0], str(node.name)
        assert node.inputs[0] is not None
        roles, picks = self.roles[node.inputs[0]], pick_of(node) or []
        if node.op_type == "Gather":
            (pick,) = picks
            if roles[pick.axis] != TOKENS:
                self._again(node)
                return self.made[node.outputs[0]]
            if not pick.drops:
                return self._same(source)
            axes = self.write.constant(f"{place}/axes", [pick.axis])
            return self.write.op("Squeeze", [source, axes], place, node.outputs[0].dtype)
        bounds = slice_bounds(node) or []
        kept = [each for each in bounds if roles[each[0] % len(roles)] != TOKENS]
        if not kept:
            return self._same(source)
        along, starts, stops, steps = (list(column) for column in zip(*kept, strict=True))
        words = {"starts": starts, "stops": stops, "axes": along, "steps": steps}
        inputs = [self.write.constant(f"{place}/{word}", each) for word, each in words.items()]
        return self.write.op("Slice", [source, *inputs], place, node.outputs[0].dtype)

    @staticmethod
    def _same(source: ir.Value | None) -> ir.Value:
        assert source is not None
        return source

    def _split(self, node: ir.Node) -> None:
        source = node.inputs[0]
        assert source is not None
        roles = self.roles[source]
        axis = node.attributes.get_int("axis", 0) % len(roles)
        if roles[axis] in (BATCH, BOTH):
            raise MixedError(f"takes pictures apart (Split {node.name!r})")
        if roles[axis] != TOKENS:
            self._again(node)
        for value in node.outputs:
            own, sides = roles, known_sides(value)
            if roles[axis] == TOKENS:
                self.made[value] = self.made[source]
                if sides is not None and sides[axis] == 1:
                    own = roles[:axis] + ONE + roles[axis + 1 :]
            if TOKENS in own or BOTH in own:
                self.roles[value] = own

    def _puts_tokens_together(self, node: ir.Node) -> bool:
        found = (self.roles.get(value) for value in node.inputs if value is not None)
        roles = next(each for each in found if each is not None)
        return roles[node.attributes.get_int("axis", 0) % len(roles)] == TOKENS

    def _only(self, node: ir.Node) -> ir.Value:
        """Return what all inputs of a node are: tokens put together are still one token."""
        inputs = set(self._inputs(node))
        if len(inputs) > 1:
            raise MixedError(f"puts tokens together again (Concat {node.name!r})")
        return self._same(inputs.pop())

    def _sum(self, node: ir.Node) -> ir.Value:
        """Add one token up as often as there were tokens."""
        source = node.inputs[0]
        assert source is not None
        roles, sides = self.roles[source], known_sides(source) or ()
        axes = reduced_axes(node, len(roles)) or []
        counts = [sides[axis] for axis in axes if roles[axis] == TOKENS]
        result = self._again(node).outputs[0]
        if not counts or None in counts:
            return result
        dtype = (result.dtype or ir.DataType.FLOAT).numpy()
        times = math.prod(count for count in counts if count)
        factor = self.write.constant(f"{node.name}/count", np.array(times, dtype))
        return self.write.op("Mul", [result, factor], f"{node.name}/sum", result.dtype)


def _pooled(node: ir.Node, roles: Mapping[ir.Value, Roles]) -> Roles | None:
    """Return the roles behind a step of pooling by attention; None if it is none.

    One token gets all the attention that there is, whatever its score.
    """
    own = [None if value is None else roles.get(value) for value in node.inputs]
    if node.op_type == "Softmax" and own[0] is not None:
        return own[0]
    if node.op_type != "MatMul" or own[1] is None:
        return None
    sides = known_sides(node.inputs[0]) or ()
    if own[0] is None and len(sides) > 2 and own[1][-1] == TOKENS and own[1][-2] == OTHER:
        return own[1][:-2] + (ONE if sides[-2] == 1 else OTHER) + TOKENS  # scores of the queries
    if own[0] is not None and own[0][-1] == own[1][-2] == TOKENS:
        return own[1][:-2] + own[0][-2] + own[1][-1]  # what they weigh
    return None


def _is_of_pictures(node: ir.Node) -> bool:
    """Whether only the first side is read of a shape: the number of pictures."""
    if node.attributes.get_int("start", 0) == 0 and node.attributes.get_int("end", 0) == 1:
        return True
    return all(
        use.node.op_type in ("Gather", "Slice")
        and [each.entries for each in pick_of(use.node) or ()] == [(0,)]
        for use in node.outputs[0].uses()
    )
