"""What of a graph depends on its grid: positions that follow from it, and shapes freed of it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from vitonnx.contract import POSITION_EMBEDDING, SIDES_KEY
from vitonnx.graph import Writer, constant, numbers, slice_bounds
from vitonnx.tap._find_patches import Patches
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
    _free_sides(graph, joined.patches, joined.stream.tokens)
    relative = free_relative(graph, joined.stream.attentions, grid)
    rotary = free_rotary(graph, grid, joined.stream.tokens)
    embedding = graph.initializers.get(POSITION_EMBEDDING)
    if embedding is None or embedding.const_value is None:
        return Positions(None, relative, rotary)
    learned = find_learned(original, embedding.const_value.numpy(), grid)
    embedding.const_value = ir.tensor(learned.table, name=POSITION_EMBEDDING)
    embedding.shape = ir.Shape(learned.table.shape)
    return Positions(learned, relative, rotary)


def _free_sides(graph: ir.Graph, patches: Patches, tokens: int) -> None:
    """Free slices, picks and splits of the grid, and mark reshapes that can't be.

    Marked inputs are set by Regrid: the node's metadata `SIDES_KEY` has a word for each entry of
    its second input: ``tokens``, ``patches``, ``rows``, ``columns``, or nothing. Needs shapes.
    """
    behind = patches.suffix
    for node in list(graph):
        match node.op_type:
            case "Slice":
                _slice_from_the_end(graph, node, tokens, patches.prefix, behind)
            case "Gather":
                _pick_from_the_end(graph, node, tokens, patches.prefix, behind)
            case "Split":
                _slice_instead_of_split(graph, node, tokens, behind)
            case "Reshape" | "Expand":
                _mark(node, patches.grid, tokens)


def _slice_from_the_end(
    graph: ir.Graph, node: ir.Node, tokens: int, prefix: int, behind: int
) -> None:
    """Count a slice's bounds from the end where they lie there, whatever its number."""
    source = node.inputs[0]
    bounds = slice_bounds(node)
    if source is None or source.shape is None or not bounds:
        return
    if any(step <= 0 for *_, step in bounds):
        return
    begins, ends = [], []
    for axis, start, stop, _ in bounds:
        side = source.shape[axis]
        whole = isinstance(side, int) and stop >= side
        begins.append(_from_the_end(start, side, tokens, prefix, behind))
        ends.append(WHOLE if whole else _from_the_end(stop, side, tokens, prefix, behind))
    old_begins, old_ends = ([each[place] for each in bounds] for place in (1, 2))
    for place, word, found, old in ((1, "begins", begins, old_begins), (2, "ends", ends, old_ends)):
        if found != old:
            name = f"{node.outputs[0].name}/{word}"
            node.replace_input_with(place, constant(graph, name, found))


def _pick_from_the_end(
    graph: ir.Graph, node: ir.Node, tokens: int, prefix: int, behind: int
) -> None:
    """Count tokens behind the patches from the end where they are picked by number."""
    source, places = node.inputs[0], numbers(node.inputs[1])
    if source is None or source.shape is None or places is None or not behind:
        return
    side = source.shape[node.attributes.get_int("axis", 0)]
    found = [_from_the_end(place, side, tokens, prefix, behind) for place in places]
    if found != places:
        given = node.inputs[1]
        index = None if given is None else ir.convenience.get_const_tensor(given)
        assert index is not None
        name = f"{node.outputs[0].name}/places"
        picked = np.reshape(np.asarray(found, np.int64), index.numpy().shape)
        node.replace_input_with(1, constant(graph, name, picked))


def _from_the_end(place: int, side: object, tokens: int, prefix: int, behind: int) -> int:
    """Count a place among tokens from their end, if it lies behind the patches.

    Examples
    --------
    >>> _from_the_end(7, 9, tokens=9, prefix=1, behind=2), _from_the_end(1, 9, 9, 1, 2)
    (-2, 1)
    >>> _from_the_end(6, 8, tokens=9, prefix=1, behind=2)  # the prefix was cut off
    -2
    """
    if behind and side in (tokens, tokens - prefix) and isinstance(side, int):
        return place - side if side - behind <= place < side else place
    return place


def _slice_instead_of_split(graph: ir.Graph, node: ir.Node, tokens: int, behind: int) -> None:
    """Split tokens by slices, the last of which goes to the end."""
    source = node.inputs[0]
    sizes = numbers(node.inputs[1]) if len(node.inputs) > 1 else None
    if source is None or source.shape is None or sizes is None:
        return
    axis = node.attributes.get_int("axis", 0) % len(source.shape)
    if source.shape[axis] != tokens:
        return
    edges = [0, *itertools.accumulate(sizes)]
    edges = [edge - tokens if edge >= tokens - behind else edge for edge in edges]
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
