"""Reverse-mode differentiation of a graph: from a value back to those that it is computed from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import onnx_ir as ir

from vitonnx.graph.gradients._again import Again
from vitonnx.graph.gradients._arithmetic import Arithmetic
from vitonnx.graph.gradients._rule import Gradient, moving_outputs
from vitonnx.graph.gradients._tape import Tape

__all__ = ["differentiate"]


def differentiate(
    write: Arithmetic,
    of: ir.Value,
    seed: ir.Value,
    wanted: Collection[ir.Value],
    nodes: Iterable[ir.Node],
    again: Again | None = None,
) -> Mapping[ir.Value, list[Gradient]]:
    """Write the derivatives of a value with respect to some that it is computed from.

    Rows whose gradient is zero are left out as far back as rows don't depend on each other: where a
    head reads one token, the last block's MLP is gone through for one token. Where a gradient is
    the same for all tokens, it is computed once.

    Parameters
    ----------
    write : Arithmetic
        Writer of the nodes.
    of : onnx_ir.Value
        What is differentiated.
    seed : onnx_ir.Value
        Weights of its entries, of its shape: their weighted sum is the scalar.
    wanted : collection of onnx_ir.Value
        Values with respect to which.
    nodes : iterable of onnx_ir.Node
        The graph's, in order, with inferred shapes.
    again : Again, optional
        What is computed a second time on the way back, instead of being kept.

    Returns
    -------
    mapping of onnx_ir.Value to list of Gradient
        Their gradients, each the sum of those listed; an empty list where the value has no part in
        what is differentiated.

    Raises
    ------
    UsageError
        If there is an operator on the way whose rule isn't known.

    References
    ----------
    Griewank & Walther 2008, "Evaluating Derivatives", chapter 3.
    """
    needed = _between(of, wanted, nodes)
    moving = {*wanted, *(value for node in needed for value in moving_outputs(node))}
    tape = Tape(write, again or Again(write))
    tape.add(of, Gradient(seed))
    for node in reversed(needed):
        tape.follow(node, [value in moving for value in node.inputs])
    return {value: tape.combined(value) for value in wanted}


def _between(of: ir.Value, wanted: Collection[ir.Value], nodes: Iterable[ir.Node]) -> list[ir.Node]:
    """List the nodes that lead from the wanted values to the one that is differentiated."""
    forward: list[ir.Node] = []
    reached = set(wanted)
    for node in nodes:
        moving = moving_outputs(node)
        if moving and not reached.isdisjoint(node.inputs):
            reached.update(moving)
            forward.append(node)
    backward, found = {of}, []
    for node in reversed(forward):
        if not backward.isdisjoint(node.outputs):
            backward.update(value for value in node.inputs if value in reached)
            found.append(node)
    return found[::-1]
