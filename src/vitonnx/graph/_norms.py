"""Norms over channels, as one operator or written out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from vitonnx.graph._sides import known_sides, reduced_axes
from vitonnx.graph._write import number

__all__ = ["Norm", "ends_in_norm", "norms_of"]

WHOLE = frozenset(
    ("LayerNormalization", "LpNormalization", "RMSNormalization", "SimplifiedLayerNormalization")
)
SUMS = frozenset(("ReduceL2", "ReduceMean", "ReduceSum", "ReduceSumSquare"))
ROOTS = frozenset(("Pow", "ReduceL2", "Sqrt"))
# What norms that are written out are made of, beside sums; it all goes entry by entry.
STEPS = frozenset(
    (
        *("Abs", "Add", "Cast", "Clip", "Div", "Expand", "Max", "Mul", "Pow", "Reciprocal"),
        *("Sqrt", "Sub"),
    )
)
JOINS = frozenset(("Div", "Mul"))
SCALES, SHIFTS = frozenset(("Div", "Mul")), frozenset(("Add", "Sub"))
LONGEST = 12  # steps of a norm that is written out: more than any has
FORMS = frozenset(
    ("Cast", "DequantizeLinear", "Identity", "QuantizeLinear", "Reshape", "Transpose")
)


@dataclass(frozen=True)
class Norm:
    """A norm, with its scale and shift.

    Parameters
    ----------
    value, end : onnx_ir.Value
        What is normalised, and the result.
    nodes : tuple of onnx_ir.Node
        All that is in between, in order.
    """

    value: ir.Value
    nodes: tuple[ir.Node, ...]
    end: ir.Value

    def same_as(self, other: Norm) -> bool:
        """Tell whether another norm is made of the same steps and numbers."""
        mine, theirs = list(_constants(self)), list(_constants(other))
        kinds = [[node.op_type for node in norm.nodes] for norm in (self, other)]
        return kinds[0] == kinds[1] and all(
            one is two or np.array_equal(one.numpy(), two.numpy())
            for one, two in zip(mine, theirs, strict=True)
        )


def _constants(norm: Norm) -> Iterator[ir.TensorProtocol]:
    for node in norm.nodes:
        for value in node.inputs:
            if value is not None and value.const_value is not None:
                yield value.const_value


def norms_of(value: ir.Value, axis: int) -> list[Norm]:
    """Return the norms that read a value, over one axis of it; of those written out, the first.

    Needs topological order, and shapes.
    """
    rank = len(known_sides(value) or ())
    found = []
    for node in dict.fromkeys(value.consumers()):
        if node.op_type not in WHOLE or node.inputs[0] is not value:
            continue
        alone = node.op_type == "LpNormalization" or axis == rank - 1
        if alone and node.attributes.get_int("axis", -1) % rank == axis:
            found.append(Norm(value, (node,), node.outputs[0]))
    written = _written_out(value, axis)
    return [_with_tail(norm, axis) for norm in (*found, *([] if written is None else [written]))]


def _written_out(value: ir.Value, axis: int) -> Norm | None:
    """Find sums over the axis whose root divides what they are of."""
    wide, narrow = {value}, set[ir.Value]()
    for node in _in_order(value):
        inputs = [each for each in node.inputs if each is not None and number(each) is None]
        if node.op_type in SUMS:
            source = node.inputs[0]
            rank = len(known_sides(source) or ())
            if source not in wide or reduced_axes(node, rank) != [axis]:
                continue
            if not node.attributes.get_int("keepdims", 1):
                continue
            narrow.add(node.outputs[0])
        elif node.op_type == "Expand" and node.inputs[0] in narrow:
            narrow.add(node.outputs[0])  # to as many as it meets
        elif node.op_type in STEPS and inputs and wide.union(narrow).issuperset(inputs):
            is_wide = not wide.isdisjoint(inputs)
            joins = is_wide and not narrow.isdisjoint(inputs)
            (wide if is_wide else narrow).add(node.outputs[0])
            if joins and node.op_type in JOINS:
                nodes = _between(node, wide | narrow, value)
                if any(each.op_type in ROOTS for each in nodes):
                    return Norm(value, nodes, node.outputs[0])
    return None


def _in_order(value: ir.Value) -> list[ir.Node]:
    """Return the readers of a value, and theirs, in the graph's order, as far as a norm may be."""
    nodes: set[ir.Node] = set()
    edge = [value]
    for _ in range(LONGEST):
        read = [node for each in edge for node in each.consumers() if node not in nodes]
        nodes.update(node for node in read if node.op_type in STEPS | SUMS)
        edge = [output for node in read if node in nodes for output in node.outputs]
    return [node for node in value.graph or () if node in nodes]


def _between(last: ir.Node, region: set[ir.Value], value: ir.Value) -> tuple[ir.Node, ...]:
    """Return the nodes of a region that lead from a value to a node, and the node."""
    found: dict[ir.Node, None] = {}
    stack = [last]
    while stack:
        node = stack.pop()
        if node in found:
            continue
        found[node] = None
        for each in node.inputs:
            producer = None if each is None or each is value else each.producer()
            if each in region and producer is not None:
                stack.append(producer)
    graph = last.graph
    return tuple(node for node in graph or () if node in found)


def _with_tail(norm: Norm, axis: int) -> Norm:
    """Add scale and shift where they are nodes of their own, and a cast behind them."""
    node = norm.nodes[-1]
    whole = node.op_type in WHOLE and node.op_type != "LpNormalization"
    scaled = whole and not _all_ones(node.inputs[1] if len(node.inputs) > 1 else None)
    shifted = whole and len(node.inputs) > 2 and node.inputs[2] is not None
    nodes, end = list(norm.nodes), norm.end
    while len(set(end.consumers())) == 1 and not end.is_graph_output():
        node = end.consumers()[0]
        if node.op_type in SCALES and not (scaled or shifted) and _by_channel(node, end, axis):
            scaled = True
        elif node.op_type in SHIFTS and not shifted and _by_channel(node, end, axis):
            shifted = True
        elif node.op_type != "Cast":
            break
        nodes.append(node)
        end = node.outputs[0]
    return Norm(norm.value, tuple(nodes), end)


def _all_ones(scale: ir.Value | None) -> bool:
    return scale is None or (
        scale.const_value is not None and bool((scale.const_value.numpy() == 1).all())
    )


def _by_channel(node: ir.Node, value: ir.Value, axis: int) -> bool:
    """Whether a node joins a value with one constant number per channel."""
    sides = known_sides(value) or ()
    for other in node.inputs:
        theirs = known_sides(other)
        if other is value or other is None or theirs is None or other.const_value is None:
            continue
        place = axis - len(sides) + len(theirs)
        return place >= 0 and all(
            side == (sides[axis] if number == place else 1) for number, side in enumerate(theirs)
        )
    return False


def ends_in_norm(value: ir.Value) -> ir.Node | None:
    """Return the norm that a value is the result of, or the last node of it; None without one."""
    scales = 0
    while (node := value.producer()) is not None:
        source = node.inputs[0]
        if node.op_type in WHOLE:
            return node
        if node.op_type in FORMS and source is not None:
            value = source
            continue
        moving = [each for each in node.inputs if each is not None and each.const_value is None]
        if node.op_type in SCALES | SHIFTS and len(moving) == 1 and scales < 2:
            last = len(known_sides(moving[0]) or (0,)) - 1
            if _by_channel(node, moving[0], last):
                value, scales = moving[0], scales + 1
                continue
        if node.op_type in JOINS and len(moving) == 2 and any(map(_is_root, moving)):
            return node
        return None
    return None


def _is_root(value: ir.Value) -> bool:
    """Whether a value is a root of a sum over channels, or what divides by it."""
    rooted = False
    for _ in range(8):
        node = value.producer()
        if node is None or node.inputs[0] is None:
            return False
        rooted = rooted or node.op_type in ROOTS
        if node.op_type in SUMS:
            return rooted
        moving = [each for each in node.inputs if each is not None and each.const_value is None]
        if node.op_type not in STEPS or not moving:
            return False
        value = moving[0]
    return False
