"""Parts of a graph: one that begins at some of its values, and two of which one varies less."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import onnx_ir as ir
import onnx_ir.passes.common as common

from vitonnx.graph._tidy import KeepOutputs

__all__ = ["Cut", "divide", "leave_unread"]


class Cut(ir.passes.InPlacePass):
    """Begin at some values: they become inputs, and what computed them goes.

    Inputs that nothing reads any more go too.

    Parameters
    ----------
    names : collection of str
        Names of the values; those that the graph doesn't have are left.
    """

    def __init__(self, names: Collection[str]) -> None:
        self.names = frozenset(names)

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Cut in place."""
        graph = model.graph
        found = [value for node in graph for value in node.outputs if str(value.name) in self.names]
        for value in found:
            given = ir.Value(name=value.name, type=value.type, shape=value.shape)
            value.replace_all_uses_with(given, replace_graph_outputs=True)
            value.name = f"{value.name}/before"
            graph.inputs.append(given)
        common.RemoveUnusedNodesPass()(model)
        leave_unread(graph)
        return ir.passes.PassResult(model, bool(found))


def divide(model: ir.Model, told: Collection[str]) -> tuple[ir.Model | None, ir.Model]:
    """Divide a graph in what some inputs change, and what they don't.

    Whoever asks again with other values of these runs the second part alone.

    Parameters
    ----------
    model : ir.Model
        The graph; it is used up.
    told : collection of str
        Names of those inputs.

    Returns
    -------
    first : ir.Model or None
        What does not depend on them; None if there is nothing to do for it. Its outputs are inputs
        of the second part by the same names, or outputs of the whole.
    second : ir.Model
        The rest.
    """
    graph = model.graph
    changing = _behind(value for value in graph.inputs if value.name in told)
    given = _behind(value for value in graph.inputs if value.name not in told)
    steady = given - changing
    crossing = {
        str(value.name)
        for node in graph
        if not steady.isdisjoint(node.outputs)
        for value in node.outputs
        if value.is_graph_output() or any(use.node.outputs[0] in changing for use in value.uses())
    }
    if not changing or not crossing:
        return None, model
    first = ir.from_proto(ir.to_proto(model))
    for node in first.graph:
        for value in node.outputs:
            if value.name in crossing and not value.is_graph_output():
                first.graph.outputs.append(value)
    KeepOutputs(crossing)(first)
    leave_unread(first.graph)
    graph.outputs[:] = [value for value in graph.outputs if value.name not in crossing]
    Cut(crossing)(model)
    return first, model


def leave_unread(graph: ir.Graph) -> None:
    """Leave out inputs that nothing reads."""
    graph.inputs[:] = [each for each in graph.inputs if each.uses() or each.is_graph_output()]


def _behind(values: Iterable[ir.Value]) -> set[ir.Value]:
    """Return all that is computed from some values."""
    found: set[ir.Value] = set()
    stack = list(values)
    while stack:
        for reader in stack.pop().consumers():
            fresh = [value for value in reader.outputs if value not in found]
            found.update(fresh)
            stack.extend(fresh)
    return found
