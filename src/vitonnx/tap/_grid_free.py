"""What of a graph depends on its grid: positions that follow from it, and shapes freed of it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import onnx_ir as ir

from vitonnx.contract import POSITION_EMBEDDING, SIDES_KEY
from vitonnx.graph import Writer, constant, numbers
from vitonnx.tap._joined import Joined
from vitonnx.tap._learned import Learned, find_learned
from vitonnx.tap._relative import free_relative
from vitonnx.tap._rotary import free_rotary

__all__ = ["Positions", "free_positions"]

WHOLE = 2**63 - 1  # the end of a slice that goes to the end


@dataclass(frozen=True)
class Positions:
    """Recognised positions: an embedding, and the number of tables of each other kind."""

    learned: Learned | None
    relative: int
    rotary: int


def free_positions(joined: Joined, original: ir.Graph) -> Positions:
    """Free a graph of its grid, in place, as far as what depends on it is recognised.

    The position embedding becomes the checkpoint's own, where the original resamples it; the
    graph is still to resample it.
    """
    graph, grid = joined.model.graph, joined.patches.grid
    _free_sides(graph, grid, joined.stream.tokens)
    relative = free_relative(graph, joined.stream.attentions, grid)
    rotary = free_rotary(graph, grid, joined.stream.tokens)
    embedding = graph.initializers.get(POSITION_EMBEDDING)
    if embedding is None or embedding.const_value is None:
        return Positions(None, relative, rotary)
    learned = find_learned(original, embedding.const_value.numpy(), grid)
    embedding.const_value = ir.tensor(learned.table, name=POSITION_EMBEDDING)
    embedding.shape = ir.Shape(learned.table.shape)
    return Positions(learned, relative, rotary)


def _free_sides(graph: ir.Graph, grid: tuple[int, int], tokens: int) -> None:
    """Free slices and splits of the grid, and mark reshapes that can't be.

    Marked inputs are set by Regrid: the node's metadata `SIDES_KEY` has a word for each entry of
    its second input: ``tokens``, ``patches``, ``rows``, ``columns``, or nothing. Needs shapes.
    """
    for node in list(graph):
        match node.op_type:
            case "Slice":
                _slice_to_the_end(graph, node)
            case "Split":
                _slice_instead_of_split(graph, node, tokens)
            case "Reshape" | "Expand":
                _mark(node, grid, tokens)


def _slice_to_the_end(graph: ir.Graph, node: ir.Node) -> None:
    """Make a slice to the end explicit, whatever its number."""
    source = node.inputs[0]
    stops = numbers(node.inputs[2])
    given, steps = (numbers(value) for value in (*node.inputs, None, None)[3:5])
    forward = steps is None or min(steps) > 0
    if source is None or source.shape is None or stops is None or not forward:
        return
    axes = list(range(len(stops))) if given is None else given
    ends = []
    for axis, stop in zip(axes, stops, strict=True):
        side = source.shape[axis]
        ends.append(WHOLE if isinstance(side, int) and stop >= side else stop)
    if ends != stops:
        node.replace_input_with(2, constant(graph, f"{node.outputs[0].name}/ends", ends))


def _slice_instead_of_split(graph: ir.Graph, node: ir.Node, tokens: int) -> None:
    """Split tokens by slices, the last of which goes to the end."""
    source = node.inputs[0]
    sizes = numbers(node.inputs[1]) if len(node.inputs) > 1 else None
    if source is None or source.shape is None or sizes is None:
        return
    axis = node.attributes.get_int("axis", 0) % len(source.shape)
    if source.shape[axis] != tokens:
        return
    edges = [0, *itertools.accumulate(sizes)]
    edges[-1] = WHOLE
    for value, bounds in zip(node.outputs, itertools.pairwise(edges), strict=True):
        write = Writer(graph, f"{value.name}/part")
        places = zip(("start", "stop", "axis"), (*bounds, axis), strict=True)
        inputs = [write.constant(word, [place]) for word, place in places]
        part = write.op("Slice", [source, *inputs], "", value.dtype, value.shape)
        write.put_before(node)
        value.replace_all_uses_with(part)
    graph.remove(node, safe=True)


def _mark(node: ir.Node, grid: tuple[int, int], tokens: int) -> None:
    sides, source = numbers(node.inputs[1]), node.inputs[0]
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
