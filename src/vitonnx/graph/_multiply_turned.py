"""Products with transposes that are never written."""

from __future__ import annotations

import onnx_ir as ir
import onnx_ir.passes.common as common

from vitonnx.graph._write import Writer

__all__ = ["MultiplyTurned"]

DOMAIN = "com.microsoft"


class MultiplyTurned(ir.passes.InPlacePass):
    """Have products read a factor as it lies, where the graph turns its rows into columns first.

    ``FusedMatMul`` (com.microsoft) does; the standard's product has no option for it. Whatever else
    a transpose does stays: keys of (batch, tokens, heads, width) become (batch, heads, tokens,
    width), whose rows stay whole and are copied as such, and not number by number. In graphs that
    the CPU runs, the runtime does so itself.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Rewrite in place, and remove unused nodes."""
        turned = [each for node in list(model.graph) for each in _turned(node)]
        for node, place in turned:
            _read_as_it_lies(model.graph, node, place)
        if turned:
            model.opset_imports[DOMAIN] = 1
            common.RemoveUnusedNodesPass()(model)
        return ir.passes.PassResult(model, bool(turned))


def _turned(node: ir.Node) -> list[tuple[ir.Node, int]]:
    """List the factors of a product whose rows were columns before."""
    # A provider may leave double precision to the CPU, which has no such kernel for it.
    doubles = node.outputs[0].dtype == ir.DataType.DOUBLE
    if (node.domain, node.op_type) != ("", "MatMul") or doubles:
        return []
    orders = [_order(value) for value in node.inputs]
    # Weights, which have two axes, are turned once, when the graph is opened.
    return [
        (node, place)
        for place, order in enumerate(orders)
        if len(order) > 2 and order[-2] == len(order) - 1
    ]


def _order(value: ir.Value | None) -> list[int]:
    """Give the order of axes of a transpose; none if it is something else."""
    node = None if value is None else value.producer()
    if node is None or node.op_type != "Transpose":
        return []
    return list(node.attributes.get_ints("perm", ()))


def _read_as_it_lies(graph: ir.Graph, node: ir.Node, place: int) -> None:
    turned = node.inputs[place]
    assert turned is not None
    source, order = turned.producer().inputs[0], _order(turned)  # type: ignore[union-attr]
    order[-2], order[-1] = order[-1], order[-2]
    if order != sorted(order):
        write = Writer(graph, f"{node.name}/as_it_lies_{place}")
        shape = None if turned.shape is None else _swapped(turned.shape)
        source = write.op("Transpose", [source], "", turned.dtype, shape, perm=order)
        write.put_before(node)
    node.replace_input_with(place, source)
    node.domain, node.op_type = DOMAIN, "FusedMatMul"
    node.attributes.add(ir.AttrInt64("transB" if place else "transA", 1))


def _swapped(shape: ir.Shape) -> list[int | ir.SymbolicDim]:
    *first, rows, columns = shape
    return [*first, columns, rows]
