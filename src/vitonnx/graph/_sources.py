"""Values that derivatives are taken with respect to, found in a probe-ready graph."""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from vitonnx.contract import IMAGES, attention_input_name, attention_name
from vitonnx.errors import ModelFileError
from vitonnx.graph._find_blocks import ancestors
from vitonnx.graph._last_tokens import find_last_tokens, output_of
from vitonnx.graph._norms import norms_of
from vitonnx.graph._sides import known_sides
from vitonnx.graph._write import Writer
from vitonnx.graph.gradients import Arithmetic, sides_of
from vitonnx.layout import Layout

__all__ = ["Source", "attention_input", "attention_softmax", "normalised_pixels", "on_the_way"]

FORMS = ("Cast", "Identity", "Reshape", "Transpose", "Squeeze", "Unsqueeze")


@dataclass(frozen=True)
class Source:
    """A value that is differentiated by, and what gives it the form of the output asked for."""

    value: ir.Value
    forms: tuple[ir.Node, ...]
    sides: tuple[int | None, ...]

    def in_form(self, write: Arithmetic, gradient: ir.Value) -> ir.Value:
        """Give the gradient the output's form, which moves its numbers only."""
        for node in self.forms:
            if node.op_type in ("Cast", "Identity"):
                continue
            own = [gradient, *node.inputs[1:]]
            attributes = {name: each.value for name, each in node.attributes.items()}
            gradient = write.op(node.op_type, own, sides_of(node.outputs[0]), **attributes)
        return gradient


def on_the_way(name: str, scores: ir.Value, value: ir.Value) -> Source:
    """Find the value itself on the way to the scores, of which the output may be a copy."""
    sides, way, forms = sides_of(value), ancestors([scores]), []
    while value not in way:
        node = value.producer()
        if node is None or node.op_type not in FORMS or node.inputs[0] is None:
            raise ModelFileError(f"what the class depends on doesn't go through {name}.")
        forms.append(node)
        value = node.inputs[0]
    return Source(value, tuple(reversed(forms)), sides)


def normalised_pixels(graph: ir.Graph) -> ir.Value:
    """Find the pixels behind their scaling and shift: the last value that still has their form."""
    value = next(each for each in graph.inputs if each.name == IMAGES)
    while len(readers := {use.node for use in value.uses()}) == 1:
        (node,) = readers
        others = [each for each in node.inputs if each is not value and each is not None]
        if node.op_type not in ("Cast", "Sub", "Mul", "Div", "Add") or any(
            each.const_value is None or (known_sides(each) or (3,))[-1] not in (1, 3)
            for each in others
        ):
            break
        value = node.outputs[0]
    return value


def attention_input(model: ir.Model, layout: Layout, block: int) -> ir.Value:
    """Find the tokens that a block's attention reads, and give them as (batch, tokens, dim).

    They are those behind its first norm, where it has one.

    Raises
    ------
    ModelFileError
        If they come in another form.
    """
    graph = model.graph
    read = ancestors(attention_softmax(graph, block).inputs)
    if not block:
        return _first_norm(graph, layout, read)
    before = find_last_tokens(model, block)
    norms = norms_of(before.value, before.roles.index("c")) if "c" in before.roles else []
    value = next((norm.end for norm in norms if norm.end in read), before.value)
    if before.roles == "btc":
        return value
    if sorted(before.roles) != sorted("btc"):
        raise ModelFileError(
            f"the tokens that block {block} reads come in a form that isn't known."
        )
    write = Writer(graph, f"{attention_input_name(block)}/in_order")
    perm = [before.roles.index(role) for role in "btc"]
    sides = known_sides(value) or (None, None, None)
    turned = write.op(
        "Transpose", [value], "", value.dtype, [sides[axis] for axis in perm], perm=perm
    )
    graph.extend(write.nodes)
    return turned


def _first_norm(graph: ir.Graph, layout: Layout, read: set[ir.Value]) -> ir.Value:
    """Find the last norm over whole tokens before the first block's attention."""
    found = [
        node.outputs[0]
        for node in graph
        if node.op_type.endswith("Normalization")
        and node.outputs[0] in read
        and (known_sides(node.outputs[0]) or ())[1:] == (layout.tokens, layout.dim)
    ]
    if not found:
        raise ModelFileError("the tokens that the first block reads aren't found in the graph.")
    return found[-1]


def attention_softmax(graph: ir.Graph, block: int) -> ir.Node:
    """Find the softmax of a block's attention, whatever form its output has."""
    node = output_of(graph, attention_name(block)).producer()
    while node is not None and node.op_type in FORMS and node.inputs[0] is not None:
        node = node.inputs[0].producer()
    if node is None or node.op_type != "Softmax":
        raise ModelFileError(f"the attention of block {block} isn't found in the graph.")
    return node
