"""Plan a graph that computes only what some probes read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from vitonnx.contract import ANCHORS, QUERIES, TARGETS, is_derived
from vitonnx.engine._precision import Precision, reduce_precision
from vitonnx.layout import Layout
from vitonnx.modelfile import understood
from vitonnx.probes import GraphProbe, SumProbe, answering

if TYPE_CHECKING:
    import onnx_ir as ir

__all__ = ["Plan", "find_derived", "plan_graph"]

# The libraries that edit graphs keep state that all threads of a process share.
ONE_AT_A_TIME = Lock()


@dataclass(frozen=True)
class Plan:
    """Plan of a graph.

    Parameters
    ----------
    probes : sequence of GraphProbe
        Compiled into the graph: each has an output of its name.
    outputs : sequence of str
        Outputs of the file that are wanted as they are.
    size : (height, width) or None
        Input size, if it differs from the file's.
    fused : bool
        Whether the runtime's own operators may be used, where no standard one is as good.
    precision : "fp32", "fp16", "bf16" or "int8"
        Precision of the matrix products; see `reduce_precision`.
    fixed : bool
        Whether the probes' constants are in the graph, and no inputs of it.
    provider : str
        The device's kind, such as ``webgpu``, to which the graph is fitted; see `PROVIDERS` in
        ``vitonnx.graph``, and `ANY_PROVIDER` there for graphs that go into files. By default, and
        for all that aren't there, it is left as it is.
    """

    probes: tuple[GraphProbe[Any], ...] = ()
    outputs: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    fused: bool = True
    precision: Precision = "fp32"
    fixed: bool = False
    provider: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the planned graph's outputs."""
        return (*self.outputs, *(probe.name for probe in self.probes))

    @property
    def located(self) -> bool:
        """Whether the graph asks for each picture's query token."""
        return any(probe.located for probe in self.probes)


def plan_graph(model: ir.Model, plan: Plan) -> ir.Model:
    """Bring a probe-ready graph, which is used up, into the planned form.

    Its outputs are then the plan's `names`, in order. Raise a UsageError if the model lacks what a
    probe asks for, or the size doesn't fit it.
    """
    with ONE_AT_A_TIME:
        return _plan(model, plan)


def _plan(model: ir.Model, plan: Plan) -> ir.Model:
    # Editing graphs costs more than a second of imports: a plan that is found ready needs none.
    import onnx_ir.passes.common as common

    from vitonnx.graph import (
        Attach,
        Derive,
        FitKernels,
        FuseAttention,
        KeepOutputs,
        MultiplyTurned,
        ReduceFirst,
        Regrid,
        RowsFirst,
        provider_of,
        read_manifest,
    )

    provider = provider_of(plan.provider)
    if plan.size is not None:
        with understood("the graph"):
            Regrid(plan.size)(model)
    layout: Layout = read_manifest(model)
    told = _told(plan.probes, layout) if plan.fixed else None
    read = [*plan.outputs, *(name for probe in plan.probes for name in probe.reads(layout))]
    if derived := [name for name in read if is_derived(name)]:
        with understood("the graph"):
            Derive(derived, told)(model)
        layout = layout.informed(model.metadata_props)
    for probe in plan.probes:
        # The probe may be the user's own: its errors must not be blamed on the graph.
        traced = _traced(probe, layout)
        attach = Attach(
            probe.name,
            probe.reads(layout),
            traced,
            queries=probe.located,
            constants=probe.constants(layout),
            fixed=plan.fixed,
            whole=isinstance(probe, SumProbe),
        )
        attach(model)
    passes: list[ir.passes.PassBase] = [
        KeepOutputs(plan.names),
        common.ShapeInferencePass(),
        # Blocks that are probed alike share what does not depend on the picture.
        common.DeduplicateInitializersPass(),
        common.CommonSubexpressionEliminationPass(),
        *([FuseAttention()] if plan.fused else []),
        RowsFirst(),
        ReduceFirst(),
        FitKernels(provider),
        *([MultiplyTurned()] if plan.fused and provider.turned else []),
        common.RemoveUnusedNodesPass(),
        common.RemoveUnusedOpsetsPass(),
    ]
    with understood("the graph"):
        for each in passes:
            each(model)
        outputs = {str(value.name): value for value in model.graph.outputs}
        model.graph.outputs[:] = [outputs[name] for name in plan.names]
        names = tuple(probe.name for probe in plan.probes)
        sums = provider.sums_in_single
        return reduce_precision(model, plan.precision, names, sums_in_single=sums)


def find_derived(model: ir.Model, names: Iterable[str]) -> None:
    """Find what no file outputs in a graph, which is used up.

    Raise a UsageError if the model doesn't have it.
    """
    from vitonnx.graph import Derive

    with ONE_AT_A_TIME, understood("the graph"):
        Derive(list(names), None)(model)


def _told(probes: Iterable[GraphProbe[Any]], layout: Layout) -> dict[str, Any]:
    """Give what plans without inputs of their own say to derivatives."""
    said = (item for probe in probes for item in probe.constants(layout).items())
    return {name: array for name, array in said if name in (TARGETS, ANCHORS)}


def _traced(probe: GraphProbe[Any], layout: Layout) -> Any:
    """Give the probe's work as a function of arrays alone, which can be traced."""
    # Wherever a picture was cut out, a query that is not located in it is the same token.
    with answering(probe):
        anywhere = None if probe.located else probe.token(layout, (0, 0, 1, 1))

    def condense(arrays: Mapping[str, Any]) -> Any:
        import ndonnx as ndx

        outputs = {name: array for name, array in arrays.items() if name != QUERIES}
        with answering(probe):
            condensed = probe.condense(outputs, layout, arrays.get(QUERIES, anywhere))
            if not isinstance(condensed, ndx.Array):
                raise TypeError(
                    f"condense gave a {type(condensed).__name__}, and no array made of the outputs"
                )
            return condensed

    return condense
