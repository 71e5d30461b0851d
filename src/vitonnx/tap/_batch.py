"""Graphs that were exported for a fixed number of pictures, freed of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from vitonnx.engine import run_values
from vitonnx.errors import ModelFileError
from vitonnx.graph import Writer, constant
from vitonnx.tap._foreign_graph import Input
from vitonnx.tap._observe import BATCH, observe, pixel_values, write_target

__all__ = ["free_batch", "mend_batch"]

# What lets constants meet pictures row by row.
MEETING = frozenset(("Add", "Concat", "Div", "GatherElements", "MatMul", "Mul", "Sub", "Where"))
# Of pictures one by one against the same pictures together; sums are taken in another order.
TOLERANCE = 1e-3


def free_batch(model: ir.Model, pictures: Input, folder: Path) -> Input:
    """Open the batch of a graph that fixes it, where that gives the same numbers.

    Batch sizes in reshapes are replaced, and constants are repeated for every picture. The result
    is then tried: if pictures together differ from single ones, the graph is left unchanged.
    """
    if pictures.batch is None:
        return pictures
    trial = model.clone()
    free = Input(trial.graph.inputs[0], pictures.layout, None, pictures.size)
    _open(trial.graph, pictures.batch, free)
    return _taken_over(model, trial, pictures, free, folder)


def mend_batch(unfolded: ir.Model, model: ir.Model, pictures: Input, folder: Path) -> Input:
    """Open a batch that is open but for what a tracer left of ``len(x)``, and leave all else.

    `unfolded` is the original graph, whose input declares an open batch; `model` is the same one as
    it was observed with the one batch that it takes, `pictures`, with that batch in its reshapes.
    It is changed in place where more than that batch could be had.
    """
    graph, name = unfolded.graph, str(pictures.value.name)
    value = next(value for value in graph.inputs if value.name == name)
    value.shape = ir.Shape([BATCH, *(value.shape or ())[1:]])
    for node in list(graph):
        if node.op_type == "Concat":
            for place, source in enumerate(node.inputs):
                _repeat_folded(graph, node, place, source, model, value, pictures.batch or 1)
    free = Input(value, pictures.layout, None, pictures.size)
    return _taken_over(model, unfolded, pictures, free, folder)


def _taken_over(
    model: ir.Model, trial: ir.Model, pictures: Input, free: Input, folder: Path
) -> Input:
    """Adopt a graph with an open batch if it gives the same results; else change nothing."""
    try:
        free = observe(trial, free, folder)
        if free.batch is not None or not _alike(model, trial, pictures, folder):
            return pictures
    except ModelFileError:
        return pictures
    model.graph = trial.graph
    return free


def _repeat_folded(
    graph: ir.Graph,
    node: ir.Node,
    place: int,
    source: ir.Value | None,
    model: ir.Model,
    pictures: ir.Value,
    batch: int,
) -> None:
    """Repeat a constant that is joined to every picture."""
    names = () if source is None else (f"{source.name}/constant", str(source.name))
    found = next((v for n in names if (v := model.graph.initializers.get(n)) is not None), None)
    if found is None or found.const_value is None or node.attributes.get_int("axis", 0) == 0:
        return
    array = found.const_value.numpy()
    if array.ndim > 1 and (times := _times(array, batch)) is not None:
        _repeat(graph, node, place, array[:times], pictures)


def _open(graph: ir.Graph, batch: int, free: Input) -> None:
    """Take the batch for the outermost axis wherever arrays change their form."""
    free.value.shape = ir.Shape([BATCH, *(free.value.shape or ())[1:]])
    moving = pixel_values(graph)
    for node in list(graph):
        if not moving.intersection(node.outputs):
            continue
        shape = node.outputs[0].shape
        if node.op_type == "Reshape" and shape is not None and len(shape):
            rest = [int(side) for side in list(shape)[1:]]  # type: ignore[arg-type]
            write_target(graph, node, [-1, *rest])
        elif node.op_type in MEETING:
            _repeat_constants(graph, node, free.value, batch)


def _repeat_constants(graph: ir.Graph, node: ir.Node, pictures: ir.Value, batch: int) -> None:
    """Repeat what meets every picture, such as a class token, as often as there are any."""
    result = node.outputs[0].shape
    for place, value in enumerate(node.inputs):
        if value is None or value.const_value is None or result is None:
            continue
        array = value.const_value.numpy()
        times = _times(array, batch)
        along = node.op_type == "Concat" and node.attributes.get_int("axis", 0) != 0
        meets = array.ndim == len(result) and (along or array.shape[0] == result[0])
        # One row meets any number of pictures by itself, but where it is joined to them.
        if times is None or not meets or (array.shape[0] == 1 and not along):
            continue
        _repeat(graph, node, place, array[:times], pictures)


def _times(array: NDArray[Any], batch: int) -> int | None:
    """Return the rows per picture in a constant, if the same for each; else None."""
    if array.ndim == 0 or array.shape[0] % batch:
        return None
    apart = array.reshape(batch, -1)
    return array.shape[0] // batch if (apart == apart[:1]).all() else None


def _repeat(
    graph: ir.Graph, node: ir.Node, place: int, rows: NDArray[Any], pictures: ir.Value
) -> None:
    """Put the rows of one picture there, as often as there are pictures."""
    write = Writer(graph, f"{node.outputs[0].name}/constant_{place}")
    one = constant(graph, write.name, np.ascontiguousarray(rows[None]))
    sides = write.constant("sides", list(rows.shape))
    joined = write.constant("joined", [-1, *rows.shape[1:]])
    count = write.op("Shape", [pictures], "batch", start=0, end=1)
    target = write.op("Concat", [count, sides], "target", axis=0)
    every = write.op("Expand", [one, target], "every")
    flat = write.op("Reshape", [every, joined], "flat")
    write.put_before(node)
    node.replace_input_with(place, flat)


def _alike(model: ir.Model, trial: ir.Model, pictures: Input, folder: Path) -> bool:
    """Whether pictures come out the same, as many together as the graph takes, and more."""
    batch = pictures.batch or 1
    noise = pictures.noise(3 * batch)
    name = str(pictures.value.name)
    together = run_values(trial, {name: noise}, trial.graph.outputs, folder)
    for part in range(3):
        own = slice(part * batch, (part + 1) * batch)
        apart = run_values(model, {name: noise[own]}, model.graph.outputs, folder)
        for one, other in zip(apart, together, strict=True):
            if one.shape != other[own].shape:
                return False
            largest = np.abs(one).max(initial=1e-6)
            if np.abs(one - other[own]).max(initial=0) > TOLERANCE * largest:
                return False
    return True
