"""Shapes that name no number of tokens or patches, or say where they do."""

from __future__ import annotations

import itertools

import numpy as np
import onnx_ir as ir

from vitonnx.contract import SIDES_KEY
from vitonnx.graph import constant

__all__ = ["free_sides"]

WHOLE = 2**63 - 1  # the end of a slice that goes to the end


def free_sides(graph: ir.Graph, grid: tuple[int, int], tokens: int) -> None:
    """Free slices and splits of the grid, and mark reshapes that can't be.

    Marked inputs are set by Regrid: the node's metadata `SIDES_KEY` has a word for each entry of
    its second input: ``tokens``, ``patches``, ``rows``, ``columns``, or nothing.

    Parameters
    ----------
    graph : onnx_ir.Graph
        Changed in place; with shapes.
    grid : (rows, columns)
    tokens : int
        All, with those in front of the patches.
    """
    for node in list(graph):
        match node.op_type:
            case "Slice":
                _slice_to_the_end(graph, node)
            case "Split":
                _slice_instead_of_split(graph, node, tokens)
            case "Reshape" | "Expand":
                _mark(node, grid, tokens)


def _numbers(value: ir.Value | None) -> list[int] | None:
    tensor = None if value is None else ir.convenience.get_const_tensor(value)
    return None if tensor is None else [int(number) for number in tensor.numpy().ravel()]


def _slice_to_the_end(graph: ir.Graph, node: ir.Node) -> None:
    """Make a slice to the end explicit, whatever its number."""
    source = node.inputs[0]
    stops = _numbers(node.inputs[2])
    given, steps = (_numbers(value) for value in (*node.inputs, None, None)[3:5])
    forward = steps is None or min(steps) > 0
    if source is None or source.shape is None or stops is None or not forward:
        return
    axes = list(range(len(stops))) if given is None else given
    ends = []
    for axis, stop in zip(axes, stops, strict=True):
        side = source.shape[axis]
        ends.append(WHOLE if isinstance(side, int) and stop >= side else stop)
    if ends != stops:
        node.replace_input_with(2, constant(graph, f"{node.outputs[0].name}/ends", np.array(ends)))


def _slice_instead_of_split(graph: ir.Graph, node: ir.Node, tokens: int) -> None:
    """Split tokens by slices, the last of which goes to the end."""
    source = node.inputs[0]
    sizes = _numbers(node.inputs[1]) if len(node.inputs) > 1 else None
    if source is None or source.shape is None or sizes is None:
        return
    axis = node.attributes.get_int("axis", 0) % len(source.shape)
    if source.shape[axis] != tokens:
        return
    edges = [0, *itertools.accumulate(sizes)]
    edges[-1] = WHOLE
    for value, bounds in zip(node.outputs, itertools.pairwise(edges), strict=True):
        name = f"{value.name}/part"
        places = [*((bound,) for bound in bounds), (axis,)]
        inputs = [
            constant(graph, f"{name}/{word}", np.array(place))
            for word, place in zip(("start", "stop", "axis"), places, strict=True)
        ]
        part = ir.node("Slice", [source, *inputs], name=name)
        part.outputs[0].name, part.outputs[0].type = name, value.type
        part.outputs[0].shape = value.shape
        graph.insert_before(node, part)
        value.replace_all_uses_with(part.outputs[0])
    graph.remove(node, safe=True)


def _mark(node: ir.Node, grid: tuple[int, int], tokens: int) -> None:
    sides, source = _numbers(node.inputs[1]), node.inputs[0]
    if sides is None or source is None or source.shape is None:
        return
    patches = grid[0] * grid[1]
    copied = [side for side, target in zip(source.shape, sides, strict=False) if target == 0]
    if node.op_type == "Reshape" and {tokens, patches}.intersection(copied):
        return  # what else is as many is something else
    words = [{tokens: "tokens", patches: "patches"}.get(side, "") for side in sides]
    for place, pair in enumerate(itertools.pairwise(sides)):
        if pair == grid and not any(words[place : place + 2]):
            words[place : place + 2] = ["rows", "columns"]
    if any(words):
        node.metadata_props[SIDES_KEY] = ",".join(words)
