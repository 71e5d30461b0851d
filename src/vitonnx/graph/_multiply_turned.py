"""Products with transposes that are never written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import onnx_ir as ir
import onnx_ir.passes.common as common

from vitonnx.graph._write import Writer

__all__ = ["MultiplyTurned"]

DOMAIN = "com.microsoft"
Side = TypeVar("Side")


class MultiplyTurned(ir.passes.InPlacePass):
    """Have products read a factor as it lies, where the graph turns its rows into columns first.

    ``FusedMatMul`` (com.microsoft) does; the standard's product has no option for it. Whatever else
    a transpose does stays: keys of (batch, tokens, heads, width) become (batch, heads, tokens,
    width), whose rows stay whole and are copied as such, and not number by number. In graphs that
    the CPU runs, the runtime does so itself.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Rewrite in place, and remove unused nodes."""
        modified = False
        for node in list(model.graph):
            # A provider may leave double precision to the CPU, which has no such kernel for it.
            doubles = node.outputs[0].dtype == ir.DataType.DOUBLE
            if (node.domain, node.op_type) != ("", "MatMul") or doubles:
                continue
            for place, factor in enumerate(node.inputs):
                turn = _turn(factor)
                if turn is not None:
                    _read_as_it_lies(model.graph, node, place, turn)
                    modified = True
        if modified:
            model.opset_imports[DOMAIN] = 1
            common.RemoveUnusedNodesPass()(model)
        return ir.passes.PassResult(model, modified)


def _turn(factor: ir.Value | None) -> ir.Node | None:
    """Find the transpose that makes rows of a factor's columns; None if there is none."""
    node = None if factor is None else factor.producer()
    if node is None or node.op_type != "Transpose":
        return None
    order = node.attributes.get_ints("perm", ())
    # Weights, which have two axes, are turned once, when the graph is opened.
    return node if len(order) > 2 and order[-2] == len(order) - 1 else None


def _read_as_it_lies(graph: ir.Graph, node: ir.Node, place: int, turn: ir.Node) -> None:
    source, turned = turn.inputs[0], turn.outputs[0]
    order = _swapped(turn.attributes.get_ints("perm", ()))
    if order != sorted(order):
        write = Writer(graph, f"{node.name}/as_it_lies_{place}")
        shape = None if turned.shape is None else _swapped(turned.shape)
        source = write.op("Transpose", [source], "", turned.dtype, shape, perm=order)
        write.put_before(node)
    node.replace_input_with(place, source)
    node.domain, node.op_type = DOMAIN, "FusedMatMul"
    node.attributes.add(ir.AttrInt64("transB" if place else "transA", 1))


def _swapped(sides: Iterable[Side]) -> list[Side]:
    """Swap the last two."""
    *first, rows, columns = sides
    return [*first, columns, rows]
