"""Compute only the rows that are read of a result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import onnx_ir as ir
import onnx_ir.passes.common as common

from vitonnx.graph._row_axes import Cut, input_axes
from vitonnx.graph._sides import slice_bounds
from vitonnx.graph._write import Writer, constant, numbers

__all__ = ["RowsFirst"]

WHOLE = 2**31 - 1  # what converters write, or more, where a slice goes to the end


class RowsFirst(ir.passes.InPlacePass):
    """Take a slice before the work and not after it, wherever rows do not depend on each other.

    A class token's attention is then softmax(q Kᵀ) of one query, not a row of the whole matrix; and
    if a head reads one token of the last block, the MLP before it computes one token. A result that
    is also read in full is left unchanged. Needs inferred shapes.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Move the slices in place, and remove unused nodes."""
        graph = model.graph
        cuts = _Cuts(graph)
        _slice_instead_of_gather(graph, cuts)
        modified = False
        for node in reversed(list(graph)):
            # Of two slices the first is nearer to the work, and the second would be in its way.
            is_pick = node.op_type in ("Slice", "Gather")
            if len(node.outputs) == 1 and not is_pick and _read_in_rows(node.outputs[0], graph):
                modified |= cuts.move_before(node)
        if modified:
            common.RemoveUnusedNodesPass()(model)
        return ir.passes.PassResult(model, modified)


def _read_in_rows(value: ir.Value, graph: ir.Graph) -> bool:
    """Tell whether a value is never read in full."""
    return value not in graph.outputs and all(cut_of(use.node) for use in value.uses())


class _Cuts:
    """Slices that have been made: two readers of the same rows share them."""

    def __init__(self, graph: ir.Graph) -> None:
        self.graph = graph
        self.sliced: dict[tuple[ir.Value, Cut], ir.Value] = {}
        self.computed: dict[tuple[ir.Value, Cut], ir.Value] = {}

    def move_before(self, node: ir.Node) -> bool:
        """Move all slices of a node's output before it, where that can be."""
        moved = False
        value = node.outputs[0]
        for use in list(value.uses()):
            cut = cut_of(use.node)
            axes = None if cut is None else input_axes(node, cut.axis)
            if cut is None or axes is None:
                continue
            rows = self._recompute(node, cut, axes)
            _replace(self.graph, use.node.outputs[0], rows)
            self.graph.remove(use.node, safe=True)
            moved = True
        if moved and not value.uses():
            # Or else it would still count as a reader of all that it was computed from.
            self.graph.remove(node, safe=True)
        return moved

    def _recompute(self, node: ir.Node, cut: Cut, axes: Sequence[int | None]) -> ir.Value:
        """Compute some rows of a node's output from some rows of its inputs."""
        if (node.outputs[0], cut) in self.computed:
            return self.computed[node.outputs[0], cut]
        inputs = [
            value if value is None or axis is None else self.slice(value, replace(cut, axis=axis))
            for value, axis in zip(node.inputs, axes, strict=True)
        ]
        if node.op_type == "Reshape":
            inputs[1] = self._target(node, cut)
        few = ir.node(
            node.op_type, inputs, node.attributes, domain=node.domain, name=_name(node.name, cut)
        )
        _describe(few.outputs[0], node.outputs[0], cut)
        self.graph.insert_before(node, few)
        self.computed[node.outputs[0], cut] = few.outputs[0]
        return few.outputs[0]

    def slice(self, value: ir.Value, cut: Cut) -> ir.Value:
        """Return some rows of a value."""
        if (value, cut) in self.sliced:
            return self.sliced[value, cut]
        bounds = [
            self.constant(f"{_name(value.name, cut)}/{part}", [number])
            for part, number in (("start", cut.start), ("stop", cut.stop), ("axis", cut.axis))
        ]
        node = ir.node("Slice", [value, *bounds], name=_name(value.name, cut))
        _describe(node.outputs[0], value, cut)
        producer = value.producer()
        if producer is None:
            self.graph.insert_before(self.graph[0], node)
        else:
            self.graph.insert_after(producer, node)
        self.sliced[value, cut] = node.outputs[0]
        return node.outputs[0]

    def _target(self, node: ir.Node, cut: Cut) -> ir.Value:
        """Return a reshape target without the old number of rows."""
        target = numbers(node.inputs[1])
        assert target is not None
        if target[cut.axis] > 0:
            target[cut.axis] = cut.stop - cut.start
        return self.constant(f"{_name(node.name, cut)}/shape", target)

    def constant(self, name: str, numbers: list[int]) -> ir.Value:
        """Return whole numbers as an initializer."""
        return self.graph.initializers.get(name) or constant(self.graph, name, numbers)


def cut_of(node: ir.Node) -> Cut | None:
    """Return the rows of a slice; None unless they are adjacent and along one known axis."""
    if node.op_type != "Slice" or node.inputs[0] is None or node.inputs[0].shape is None:
        return None
    shape = node.inputs[0].shape
    bounds = slice_bounds(node)
    if bounds is None or any(step != 1 for *_, step in bounds):
        return None
    cuts = []
    for axis, start, stop, _ in bounds:
        if start == 0 and stop >= WHOLE:
            continue
        size = shape[axis]
        if not isinstance(size, int):
            return None
        first, last, _ = slice(start, stop).indices(size)
        cuts.append(Cut(axis % len(shape), first, last))
    return cuts[0] if len(cuts) == 1 and cuts[0].start < cuts[0].stop else None


def _slice_instead_of_gather(graph: ir.Graph, cuts: _Cuts) -> None:
    """Write one constant row that is gathered as a slice of one row, squeezed."""
    for node in list(graph):
        given = node.inputs[1] if node.op_type == "Gather" else None
        index = None if given is None else ir.convenience.get_const_tensor(given)
        source = node.inputs[0] if node.inputs else None
        if index is None or index.shape.rank() or source is None or source.shape is None:
            continue
        axis = node.attributes.get_int("axis", 0) % len(source.shape)
        size = source.shape[axis]
        if not isinstance(size, int):
            continue
        place = int(index.numpy()) % size
        cut = Cut(axis, place, place + 1)
        row = cuts.slice(source, cut)
        axes = cuts.constant(f"{node.name}/axis", [axis])
        write = Writer(graph, str(node.name))
        one = write.op("Squeeze", [row, axes], "squeeze", source.dtype, node.outputs[0].shape)
        write.put_before(node)
        _replace(graph, node.outputs[0], one)
        graph.remove(node, safe=True)


def _replace(graph: ir.Graph, old: ir.Value, new: ir.Value) -> None:
    """Have all readers take another value; an output of the graph keeps its name."""
    if old in graph.outputs:
        old.name, new.name = f"{old.name}/whole", old.name
    old.replace_all_uses_with(new, replace_graph_outputs=True)


def _describe(rows: ir.Value, whole: ir.Value, cut: Cut) -> None:
    """Name rows, and give their type and shape, after the whole that they are of."""
    rows.name, rows.type = _name(whole.name, cut), whole.type
    if whole.shape is not None:
        sides = list(whole.shape)
        sides[cut.axis] = cut.stop - cut.start
        rows.shape = ir.Shape(sides)


def _name(name: str | None, cut: Cut) -> str:
    rows = f"row_{cut.start}" if cut.stop == cut.start + 1 else f"rows_{cut.start}_{cut.stop}"
    return f"{name}/{rows}_of_axis_{cut.axis}"
