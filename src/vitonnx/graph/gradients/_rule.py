"""Rules of differentiation: from the gradient of a node's output to those of its inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import onnx_ir as ir

from vitonnx.errors import UsageError
from vitonnx.graph._row_axes import Cut
from vitonnx.graph.gradients._arithmetic import Arithmetic, sides_of

__all__ = ["RULES", "Gradient", "Rule", "Seen", "moving_outputs", "rule", "unknown"]


@dataclass(frozen=True)
class Gradient:
    """Gradient of a value, as far as it isn't zero.

    Parameters
    ----------
    value : onnx_ir.Value
        Single precision. It has the rank of what it belongs to, and a side of 1 along axes along
        which it is the same everywhere.
    cut : Cut or None
        The rows outside which it is zero, and which alone it holds; None for all.
    """

    value: ir.Value
    cut: Cut | None = None


@dataclass(frozen=True)
class Seen:
    """A node as rules see it: of some of its rows alone, perhaps, and in single precision.

    Parameters
    ----------
    node : onnx_ir.Node
        For its attributes and its name.
    inputs : sequence of onnx_ir.Value or None
        What it reads.
    output : onnx_ir.Value
        What it gives, the first.
    wanted : sequence of bool
        Which inputs' gradients are wanted.
    """

    node: ir.Node
    inputs: Sequence[ir.Value | None]
    output: ir.Value
    wanted: Sequence[bool]

    def input(self, place: int) -> ir.Value:
        """Give an input that must be there."""
        value = self.inputs[place]
        assert value is not None
        return value

    def axis(self, default: int) -> int:
        """Give the attribute ``axis``, counted from the front."""
        return int(self.node.attributes.get_int("axis", default)) % len(sides_of(self.output))


Rule: TypeAlias = Callable[[Arithmetic, Seen, ir.Value], "Sequence[ir.Value | Gradient | None]"]
"""Gives one gradient an input, None for those that aren't wanted or have none."""

RULES: dict[str, Rule] = {}
"""By operator, of ONNX and of the runtime's own."""

FLAT = frozenset(
    (
        *("ArgMax", "ArgMin", "Ceil", "Floor", "IsInf", "IsNaN", "NonZero", "Round", "Sign"),
        *("And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "Or", "Xor"),
        *("ConstantOfShape", "Shape", "Size"),
    )
)
"""Operators that give steps, or nothing of the numbers: their derivative is zero everywhere."""


def moving_outputs(node: ir.Node) -> Sequence[ir.Value]:
    """Give the outputs of a node whose derivatives aren't zero everywhere."""
    if node.op_type == "Cast":
        is_whole = not ir.DataType(node.attributes.get_int("to")).is_floating_point()
        return () if is_whole else node.outputs
    if node.op_type == "DynamicQuantizeLinear":
        return node.outputs[:1]  # its scale counts as constant
    return () if node.op_type in FLAT and not node.domain else node.outputs


def rule(*kinds: str) -> Callable[[Rule], Rule]:
    """Register a rule for operators."""

    def register(function: Rule) -> Rule:
        for kind in kinds:
            RULES[kind] = function
        return function

    return register


def unknown(seen: Seen, what: str) -> UsageError:
    """Say why a node's gradient isn't known."""
    return UsageError(
        f"{seen.node.op_type} {seen.node.name!r} {what}, so its gradient isn't known."
    )
