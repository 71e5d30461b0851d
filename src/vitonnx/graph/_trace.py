"""A function of arrays, written down as nodes."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any

import numpy as np
import onnx_ir as ir
import onnx_ir.passes.common as common

from vitonnx.graph._write import number

__all__ = ["trace"]

# Larger constants, such as distances between thousands of patches, stay a computation in the file;
# runtimes do it once, when they load it.
LARGEST_CONSTANT = 2**10


def trace(
    function: Callable[[], Mapping[str, Any]], sources: Mapping[str, tuple[Any, ir.Value]]
) -> ir.Model:
    """Call a function of arrays, and give what it does as a graph with an output for each result.

    `sources` are as in `join_traced`.
    """
    # ndonnx brings onnxruntime along, which graph passes do without.
    import ndonnx as ndx
    from onnxscript import optimizer

    with warnings.catch_warnings(), _plain_products():
        warnings.simplefilter("ignore")  # of ndonnx, on its way to make some types fit
        results = function()
        arguments = {name: argument for name, (argument, _) in sources.items()}
        traced = ir.from_proto(ndx.build(arguments, dict(results)))
    _never_empty(traced.graph)
    with _quick_rules():
        optimizer.optimize(traced, output_size_limit=LARGEST_CONSTANT)
    _never_nan(traced.graph)
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(traced)
    common.IdentityEliminationPass()(traced)
    common.RemoveUnusedNodesPass()(traced)
    return traced


@contextlib.contextmanager
def _plain_products() -> Iterator[None]:
    """Have ndonnx write a product as the one node that it is.

    Arrays without entries, which are none of ours, make the runtime fail in a product: ndonnx
    writes a special case for them, in a graph of its own, and takes half a second for each.
    """
    arrays: Any = import_module("ndonnx._typed_array.onnx")

    def product(one: Any, other: Any) -> Any:
        return type(one)(arrays.op.matmul(one._var, other._var))

    careful = arrays._matmul_mitigate_zero_sized
    arrays._matmul_mitigate_zero_sized = product
    try:
        yield
    finally:
        arrays._matmul_mitigate_zero_sized = careful


@contextlib.contextmanager
def _quick_rules() -> Iterator[None]:
    """Leave out the rule that makes a split of two slices.

    For every node it goes through the whole graph: with thousands of nodes, six times as long as
    all other rules together. And a probe has no such slices.
    """
    rewriter: Any = import_module("onnxscript.rewriter")
    every = rewriter._DEFAULT_REWRITE_RULES
    rewriter._DEFAULT_REWRITE_RULES = tuple(rule for rule in every if rule.name != "SlicesSplit")
    try:
        yield
    finally:
        rewriter._DEFAULT_REWRITE_RULES = every


def _never_empty(graph: ir.Graph) -> None:
    """Assume that no array is empty: ndonnx adds a special case for those."""
    for node in list(graph):
        if node.op_type == "If":
            condition = node.inputs[0]
            producer = None if condition is None else condition.producer()
            if producer is not None and producer.op_type == "Equal" and _counts(producer):
                never = ir.node("Constant", [], {"value": ir.tensor(np.array(False))})
                graph.insert_before(node, never)
                node.replace_input_with(0, never.outputs[0])


def _never_nan(graph: ir.Graph) -> None:
    """Assume that no maximum or minimum is one of NaN: ndonnx adds a special case for that.

    It reads all of an attention twice, by reductions of truth values, of which no GPU has a kernel.
    """
    for node in graph:
        if node.op_type != "Where" or not math.isnan(number(node.inputs[1]) or 0.0):
            continue
        condition, _, result = node.inputs
        found = None if condition is None else condition.producer()
        while found is not None and found.op_type in ("Cast", "ReduceMax"):
            found = None if found.inputs[0] is None else found.inputs[0].producer()
        if found is not None and found.op_type == "IsNaN" and result is not None:
            checked = node.outputs[0]
            if checked.is_graph_output():
                result.name, checked.name = checked.name, result.name
            checked.replace_all_uses_with(result, replace_graph_outputs=True)
            # The branch for no numbers at all is gone, and what stood in it still reads this.
            for use in tuple(found.outputs[0].uses()):
                if use.node.graph is not graph:
                    use.node.replace_input_with(use.idx, None)


def _counts(node: ir.Node) -> bool:
    """Whether a node compares a number of entries."""
    stack = [value.producer() for value in node.inputs if value is not None]
    names = set()
    while stack:
        found = stack.pop()
        if found is None:
            continue
        names.add(found.op_type)
        if found.op_type in ("Mul", "Cast"):
            stack.extend(value.producer() for value in found.inputs if value is not None)
    return "Size" in names
