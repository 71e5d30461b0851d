"""A probe as a graph of its own: from what is kept of a picture to what was found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx_ir as ir
import onnx_ir.passes.common as common

from vitonnx.contract import GRADIENTS, QUERIES, is_derived
from vitonnx.engine import Plan, Precision, plan_graph
from vitonnx.errors import UsageError
from vitonnx.graph import (
    Cut,
    Derive,
    KeepOutputs,
    Regrid,
    divide,
    join_traced,
    leave_unread,
    read_manifest,
)
from vitonnx.layout import Layout
from vitonnx.modelfile import open_graph
from vitonnx.portable._form import Form
from vitonnx.portable._kept import kept_names
from vitonnx.probes import Found, GraphProbe, PictureResult, SumProbe

__all__ = ["FIRST", "Small", "runs_network", "small_graph", "whole_graph"]

FIRST = "first/"
"""Begins the names of what is fed from the picture that a probe learns from."""


@dataclass(frozen=True, eq=False)
class Small:
    """A probe's graphs, and what they give.

    Parameters
    ----------
    graphs : list of ir.Model
        One, or two: the first of these doesn't depend on what is asked, and its outputs are inputs
        of the second.
    finding, arrays : dict of str to str
        The outputs that are the finding's arrays, and those of the result, by their names.
    asked : tuple of str
        Inputs that say what is asked: numbers, the query, the class.
    """

    graphs: list[ir.Model]
    finding: dict[str, str]
    arrays: dict[str, str]
    asked: tuple[str, ...]


def runs_network(probe: GraphProbe[Any], layout: Layout) -> bool:
    """Tell whether a probe reads derivatives, which the network itself must be run for."""
    return any(name.startswith(GRADIENTS) for name in probe.reads(layout))


def small_graph(file: Path, size: tuple[int, int], form: Form, block: int) -> Small:
    """Trace a form, of one block where it asks for one.

    Parameters
    ----------
    file : path
        The probe-ready model.
    size : (height, width)
        Of its input, in pixels.
    form : Form
        What is asked, and how.
    block : int
        0 is the first, -1 the last.
    """
    model = open_graph(file)
    if read_manifest(model).size != size:
        Regrid(size)(model)
    layout: Layout = read_manifest(model)
    reads = form.example(block).reads(layout)
    Derive([name for name in reads if is_derived(name)])(model)
    layout = layout.informed(model.metadata_props)
    KeepOutputs(reads)(model)
    Cut(kept_names(layout))(model)
    for value in (*model.graph.inputs, *model.graph.outputs):
        value.shape = ir.Shape([1, *(value.shape or ())[1:]])  # one picture
    trace = _Trace(model, layout, form.name)
    numbers = {each: trace.number(f"{form.kind.name}/{each}") for each in form.numbers}
    if form.target is not None:
        numbers[form.target] = trace.number(f"{form.kind.name}/class", ir.DataType.INT64)
    queries = trace.number(QUERIES, ir.DataType.INT64, 1) if form.query == "token" else None
    own = {name: trace.value(name) for name in reads}
    stages = form.example(block).fit_stages(layout)
    first = {name: trace.first(name) for stage in stages for name in stage.reads(layout)}

    def answer() -> PictureResult:
        token = queries if form.query == "token" else layout.class_token
        probe = _learned(form.probe(block, **numbers), first, layout, token)
        read = {**own, **probe.constants(layout)}
        if form.query == "mean":
            token = None
        return _result(probe, read, layout, token)

    finding, arrays = trace.join(answer)
    asked = tuple(name for name in trace.asked if name in {v.name for v in model.graph.inputs})
    before, after = divide(model, asked)
    graphs = [after] if before is None else [before, after]
    for graph in graphs:
        _tidy(graph)
    return Small(graphs, finding, arrays, asked)


def whole_graph(file: Path, size: tuple[int, int], form: Form, precision: Precision) -> Small:
    """Trace a form that runs the network anew, from the pixels to what was found.

    The network is brought to a precision; "fp32" leaves it as it is.
    """
    probe = form.example(-1)
    plan = Plan(probes=(probe,), size=size, fused=False, precision=precision)
    model = plan_graph(open_graph(file), plan)
    layout: Layout = read_manifest(model).informed(model.metadata_props)
    trace = _Trace(model, layout, form.name)
    condensed = trace.value(probe.name)
    told = [str(each.name) for each in model.graph.inputs[1:]]

    def answer() -> PictureResult:
        result: PictureResult = probe.result(condensed[0, ...], layout, None)
        return result

    finding, arrays = trace.join(answer)
    _tidy(model)
    return Small([model], finding, arrays, tuple(told))


class _Trace:
    """Values of a graph as arrays that are traced."""

    def __init__(self, model: ir.Model, layout: Layout, prefix: str) -> None:
        self.model, self.layout, self.prefix = model, layout, prefix
        # By the names that they are asked by: what is read may be an input, which keeps its own.
        self._values = {str(value.name): value for value in model.graph.outputs}
        self._sources: dict[str, tuple[Any, ir.Value]] = {}
        self.asked: list[str] = []

    def value(self, name: str) -> Any:
        """Give an output of the graph, or an input."""
        return self._argument(name, self._values[name])

    def number(self, name: str, dtype: ir.DataType = ir.DataType.DOUBLE, *sides: int) -> Any:
        """Add an input that says what is asked."""
        self.asked.append(name)
        return self._argument(name, self._input(name, ir.TensorType(dtype), ir.Shape(sides)))

    def first(self, name: str) -> Any:
        """Add an input of what is kept of the first picture, where this one's is kept too."""
        like = self._values[name]
        producer = like.producer()
        if producer is not None and producer.op_type == "Identity":
            like = producer.inputs[0] or like
        if not like.is_graph_input() or like.type is None:
            raise UsageError(f"{self.prefix} learns from {name}, which isn't kept of a picture.")
        given = self._input(f"{FIRST}{like.name}", like.type, like.shape or ir.Shape([]))
        return self._argument(f"{FIRST}{like.name}", given)

    def join(self, answer: Callable[[], PictureResult]) -> tuple[dict[str, str], dict[str, str]]:
        """Trace, and make what was found the outputs: those of the finding, and of the result."""
        graph, outputs = self.model.graph, {}
        named: dict[int, str] = {}
        told = {id(array) for array, _ in self._sources.values()}

        def arrays() -> Mapping[str, Any]:
            result = answer()
            parts = {"finding": result.drawn, "arrays": Found.arrays(result)}
            for part, found in parts.items():
                for name, array in found.items():
                    if id(array) in told:
                        continue
                    output = named.setdefault(id(array), f"{part}/{name}")
                    outputs[part, name] = output
                    held[output] = array
            return held

        held: dict[str, Any] = {}
        graph.outputs.clear()
        join_traced(self.model, arrays, self._sources, prefix=self.prefix)
        finding, own = (
            {name: output for (of, name), output in outputs.items() if of == part}
            for part in ("finding", "arrays")
        )
        return finding, own

    def _argument(self, name: str, value: ir.Value) -> Any:
        import ndonnx as ndx

        kinds = {ir.DataType.INT64: ndx.int64, ir.DataType.DOUBLE: ndx.float64}
        sides = [side if isinstance(side, int) else str(side) for side in value.shape or ()]
        dtype = kinds.get(value.dtype or ir.DataType.FLOAT, ndx.float32)
        array = ndx.argument(shape=tuple(sides), dtype=dtype)
        self._sources[name] = (array, value)
        return array

    def _input(self, name: str, kind: ir.TypeProtocol, shape: ir.Shape) -> ir.Value:
        value = ir.Value(name=name, type=kind, shape=shape)
        self.model.graph.inputs.append(value)
        return value


def _learned(
    probe: GraphProbe[Any], first: Mapping[str, Any], layout: Layout, token: Any
) -> GraphProbe[Any]:
    """Have a probe learn what it must of the first picture."""
    while (stage := probe.fit_stage(layout)) is not None:
        read = {name: first[name] for name in stage.reads(layout)}
        condensed = stage.condense({**read, **stage.constants(layout)}, layout, token)
        if isinstance(stage, SumProbe):
            total = stage.total(condensed, 1, layout)
        else:
            total = stage.summary([stage.result(condensed[0, ...], layout, None)])
        probe = probe.learn(total, layout)
    return probe


def _result(
    probe: GraphProbe[Any], read: Mapping[str, Any], layout: Layout, token: Any
) -> PictureResult:
    condensed = probe.condense(read, layout, token)
    result: PictureResult = probe.result(condensed[0, ...], layout, None)
    return result


def _tidy(model: ir.Model) -> None:
    """Leave nothing that no output needs, and no batch but one picture."""
    graph = model.graph
    common.CommonSubexpressionEliminationPass()(model)
    common.RemoveUnusedNodesPass()(model)
    common.RemoveUnusedOpsetsPass()(model)
    leave_unread(graph)
    graph.sort()
    model.metadata_props.clear()
