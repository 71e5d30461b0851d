"""A probe's own function, traced into nodes and joined to the network."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import onnx_ir as ir
from numpy.typing import NDArray

from vitonnx.contract import QUERIES
from vitonnx.errors import ModelFileError
from vitonnx.graph._canonical import IR_VERSION, OPSET
from vitonnx.graph._trace import trace
from vitonnx.graph._write import constant

__all__ = ["Attach", "join_traced"]

BATCH = "batch"

Function = Callable[[Mapping[str, Any]], Any]


class Attach(ir.passes.InPlacePass):
    """Add an output that a function of other outputs computes.

    The function is written against the Python array API standard. It is called once, with ndonnx
    arrays, which record its operations.

    Parameters
    ----------
    name : str
        Name of the new output.
    reads : collection of str
        Names of the outputs that the function gets.
    function : callable
        Function from a mapping of names to arrays, all stacked on batch, to one array stacked on
        batch.
    queries : bool
        Whether the function also gets ``queries``, int64 (batch,): a token of each picture. The
        graph has an input of that name then.
    constants : mapping of str to array, optional
        Arrays that the function also gets, the same for all pictures.
    fixed : bool
        Whether these stay in the graph; else it has inputs of their names, for any values.
    whole : bool
        Whether the result is one for all pictures of a batch, (1, ...), and not stacked on batch.

    Raises
    ------
    ModelFileError
        If the graph lacks an output that the function reads.
    """

    def __init__(
        self,
        name: str,
        reads: Collection[str],
        function: Function,
        *,
        queries: bool = False,
        constants: Mapping[str, NDArray[Any]] | None = None,
        fixed: bool = False,
        whole: bool = False,
    ) -> None:
        self.name = name
        self.reads = reads
        self.function = function
        self.queries = queries
        self.constants, self.fixed = constants or {}, fixed
        self.whole = whole

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Trace and join, in place."""
        graph = model.graph
        outputs = {str(value.name): value for value in graph.outputs}
        for name in self.reads:
            if name not in outputs:
                raise ModelFileError(f"the graph has no output {name!r} for {self.name} to read.")
        sources = {name: outputs[name] for name in self.reads}
        if self.queries:
            sources[QUERIES] = _queries(graph)
        own = {name: self._own(graph, name, array) for name, array in self.constants.items()}
        arguments = {name: _argument(value, BATCH) for name, value in sources.items()}
        arguments |= {name: _argument(value) for name, value in own.items()}
        join_traced(
            model,
            lambda: {self.name: self.function(arguments)},
            {name: (arguments[name], value) for name, value in {**sources, **own}.items()},
            prefix=self.name,
        )
        result = graph.outputs[-1]
        result.shape = ir.Shape([1 if self.whole else BATCH, *(result.shape or ())[1:]])
        return ir.passes.PassResult(model, modified=True)

    def _own(self, graph: ir.Graph, name: str, array: NDArray[Any]) -> ir.Value:
        """Give a constant: in the graph, or as an input of it, if it isn't there yet."""
        for there in (*graph.inputs, *graph.initializers.values()):
            if there.name == name:
                return there
        if self.fixed:
            return constant(graph, name, array)
        value = ir.Value(
            name=name,
            type=ir.TensorType(ir.DataType.from_numpy(array.dtype)),
            shape=ir.Shape(array.shape),
        )
        graph.inputs.append(value)
        return value


def join_traced(
    model: ir.Model,
    function: Callable[[], Mapping[str, Any]],
    sources: Mapping[str, tuple[Any, ir.Value]],
    *,
    prefix: str,
) -> None:
    """Trace a function of arrays, and add what it gives to a graph, as outputs of these names.

    Parameters
    ----------
    model : ir.Model
        The graph; changed in place.
    function : callable
        Gives the arrays by name, made of those of `sources`.
    sources : mapping of str to (array, value)
        The ndonnx argument that stands for a value of the graph in the function, and that value.
    prefix : str
        Begins the names of the new nodes.
    """
    _join(model, trace(function, sources), sources, prefix=prefix)


def _queries(graph: ir.Graph) -> ir.Value:
    for value in graph.inputs:
        if value.name == QUERIES:
            return value
    value = ir.Value(name=QUERIES, type=ir.TensorType(ir.DataType.INT64), shape=ir.Shape([BATCH]))
    graph.inputs.append(value)
    return value


def _argument(value: ir.Value, *batch: str) -> Any:
    """Stand for a value while its function is traced; the batch, where there is one, is open."""
    import ndonnx as ndx

    assert value.shape is not None
    own = value.shape[len(batch) :]
    sides = [side if isinstance(side, int) else str(side) for side in own]
    kinds = {ir.DataType.INT64: ndx.int64, ir.DataType.DOUBLE: ndx.float64}
    dtype = kinds.get(value.dtype or ir.DataType.FLOAT, ndx.float32)
    return ndx.argument(shape=(*batch, *sides), dtype=dtype)


def _join(
    model: ir.Model, traced: ir.Model, sources: Mapping[str, tuple[Any, ir.Value]], *, prefix: str
) -> None:
    """Move the traced nodes over, and connect them."""
    if traced.opset_imports.get("", 0) > OPSET or (traced.ir_version or 0) > IR_VERSION:
        raise ModelFileError(f"{prefix} was traced to a newer ONNX opset than that of the file.")
    graph = model.graph
    _name_constants(traced.graph)
    for value in list(traced.graph.inputs):
        _, source = sources[str(value.name)]
        value.replace_all_uses_with(source, replace_graph_outputs=True)
    for value in list(traced.graph.initializers.values()):
        traced.graph.initializers.pop(str(value.name))
        value.name = f"{prefix}/{value.name}"
        if value.const_value is not None:
            value.const_value.name = value.name
        graph.initializers.add(value)
    nodes = list(traced.graph)
    results = {str(value.name): value for value in traced.graph.outputs}
    traced.graph.outputs.clear()
    traced.graph.remove(nodes)
    for place, node in enumerate(nodes):
        node.name = f"{prefix}/{node.op_type.lower()}_{place}"
        for output, value in enumerate(node.outputs):
            value.name = node.name if output == 0 else f"{node.name}/output_{output}"
    graph.extend(nodes)
    for name, result in results.items():
        result.name = name
        graph.outputs.append(result)


def _name_constants(graph: ir.Graph) -> None:
    """Give each output that is a constant a node of its own, since it is renamed on its way."""
    for place, value in enumerate(graph.outputs):
        if value.is_initializer():
            same = ir.node("Identity", [value])
            same.outputs[0].name, same.outputs[0].type = value.name, value.type
            same.outputs[0].shape = value.shape
            graph.append(same)
            graph.outputs[place] = same.outputs[0]
            value.name = f"{value.name}/constant"
