"""Bring softmaxes of attention to the usual form: over the last axis, after the queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import onnx_ir as ir
import onnx_ir.passes.common as common

from vitonnx.graph import numbers

__all__ = ["LastAxisSoftmax"]

RESHAPES = frozenset(("Flatten", "Reshape"))


class LastAxisSoftmax(ir.passes.InPlacePass):
    """Write every softmax over the last axis, of (batch, heads, queries, keys) where it has four.

    Converters leave keys wherever a product put them, and transpose after the softmax; some flatten
    all axes before the keys, or expand it, as an exponential over its sum or as that of its
    logarithm. Needs shapes, and opset 13 or newer.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Rewrite in place."""
        modified = False
        for kind, rewrite in RULES:
            for node in list(model.graph):
                if node.op_type == kind:
                    modified |= rewrite(model.graph, node)
        common.RemoveUnusedNodesPass()(model)
        return ir.passes.PassResult(model, modified)


def _join_logarithm(graph: ir.Graph, node: ir.Node) -> bool:
    """Make a softmax of exp(logsoftmax(x))."""
    source = None if node.inputs[0] is None else node.inputs[0].producer()
    if source is None or source.op_type != "LogSoftmax":
        return False
    axis = source.attributes.get_int("axis", -1)
    softmax = ir.node("Softmax", [source.inputs[0]], {"axis": axis}, name=source.name)
    _replace(graph, node, [softmax])
    return True


def _join_sum(graph: ir.Graph, node: ir.Node) -> bool:
    """Make one softmax of exp(x) / sum(exp(x)), over whichever axis."""
    top, bottom = node.inputs
    power = None if top is None else top.producer()
    total = None if bottom is None else bottom.producer()
    while total is not None and total.op_type in ("Reshape", "Unsqueeze"):
        total = None if total.inputs[0] is None else total.inputs[0].producer()
    if power is None or total is None or top is None or top.shape is None:
        return False
    sums = total.op_type == "ReduceSum" and total.inputs[0] is top
    sides = None if bottom is None else bottom.shape
    if power.op_type != "Exp" or not sums or sides is None or len(sides) != len(top.shape):
        return False
    axes = (numbers(total.inputs[1]) if len(total.inputs) > 1 else None) or ()
    summed = [axis for axis, side in enumerate(sides) if side == 1 and top.shape[axis] != 1]
    if len(summed) != 1 or [axis % len(sides) for axis in axes] != summed:
        return False
    softmax = ir.node("Softmax", [power.inputs[0]], {"axis": summed[0]}, name=node.name)
    _replace(graph, node, [softmax])
    return True


def _unflatten(graph: ir.Graph, node: ir.Node) -> bool:
    """Take the softmax of rows before they are flattened, where each stays a row."""
    flat = node.inputs[0]
    reshape = None if flat is None else flat.producer()
    source = None if reshape is None or reshape.op_type not in RESHAPES else reshape.inputs[0]
    if flat is None or reshape is None or source is None:
        return False
    if flat.shape is None or source.shape is None or len(source.shape) <= len(flat.shape):
        return False
    axis = node.attributes.get_int("axis", -1) % len(flat.shape)
    if axis != len(flat.shape) - 1 or source.shape[-1] != flat.shape[-1]:
        return False
    softmax = ir.node("Softmax", [source], {"axis": -1}, name=node.name)
    _describe(softmax.outputs[0], source, f"{node.name}/of_rows")
    again = ir.node(
        reshape.op_type,
        [softmax.outputs[0], *reshape.inputs[1:]],
        reshape.attributes,
        name=f"{node.name}/flattened",
    )
    _replace(graph, node, [softmax, again])
    return True


def _turn(graph: ir.Graph, node: ir.Node) -> bool:
    """Transpose before a softmax, and back after it."""
    source = node.inputs[0]
    if source is None or source.shape is None:
        return False
    axis = node.attributes.get_int("axis", -1) % len(source.shape)
    order = _order(list(source.shape), axis)
    if order == sorted(order):
        return False
    before = ir.node("Transpose", [source], {"perm": order}, name=f"{node.name}/turned")
    _describe(before.outputs[0], source, f"{node.name}/turned", order)
    softmax = ir.node("Softmax", [before.outputs[0]], {"axis": -1}, name=node.name)
    _describe(softmax.outputs[0], source, f"{node.name}/over_keys", order)
    back = [order.index(place) for place in range(len(order))]
    after = ir.node("Transpose", [softmax.outputs[0]], {"perm": back}, name=f"{node.name}/back")
    _replace(graph, node, [before, softmax, after])
    return True


def _order(sides: Sequence[int | ir.SymbolicDim], keys: int) -> list[int]:
    """Return the order of axes with queries second to last, and keys last.

    Queries are as many as keys. Where they aren't to be told from heads, axes stay in their order.
    """
    others = [place for place in range(len(sides)) if place != keys]
    alike = [place for place in others if sides[place] == sides[keys]]
    last = others[-1]
    # One query at many keys is no self-attention, whatever other axis is as long as the keys.
    if len(alike) == 1 and sides[last] != 1:
        others.remove(alike[0])
        others.append(alike[0])
    return [*others, keys]


def _undo(_: ir.Graph, node: ir.Node) -> bool:
    """Read past two transposes that undo each other."""
    source = None if node.inputs[0] is None else node.inputs[0].producer()
    if source is None or source.op_type != "Transpose":
        return False
    first, second = (each.attributes.get_ints("perm") for each in (source, node))
    if first is None or second is None or source.inputs[0] is None:
        return False
    if [first[place] for place in second] != sorted(first):
        return False
    node.outputs[0].replace_all_uses_with(source.inputs[0])
    return not node.outputs[0].is_graph_output()


def _replace(graph: ir.Graph, node: ir.Node, nodes: list[ir.Node]) -> None:
    """Put nodes in a node's place; the last gives what it gave, under its name."""
    old, new = node.outputs[0], nodes[-1].outputs[0]
    new.shape, new.type = old.shape, old.type
    new.name, old.name = old.name, f"{old.name}/before"
    graph.insert_before(node, nodes)
    old.replace_all_uses_with(new, replace_graph_outputs=True)
    graph.remove(node, safe=True)


def _describe(
    value: ir.Value, like: ir.Value, name: str, order: Sequence[int] | None = None
) -> None:
    """Name a value that is as another, its axes perhaps in another order."""
    sides = list(like.shape or ())
    value.name, value.type = name, like.type
    value.shape = ir.Shape(sides if order is None else [sides[place] for place in order])


# In this order.
RULES: tuple[tuple[str, Callable[[ir.Graph, ir.Node], bool]], ...] = (
    ("Exp", _join_logarithm),
    ("Div", _join_sum),
    ("Softmax", _unflatten),
    ("Softmax", _turn),
    ("Transpose", _undo),
)
