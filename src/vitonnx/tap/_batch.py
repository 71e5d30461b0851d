"""Graphs that were exported for a fixed number of pictures, freed of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_ir as ir

from vitonnx.engine import run_values
from vitonnx.errors import ModelFileError
from vitonnx.tap._input import Input
from vitonnx.tap._observe import BATCH, observe, pixel_values, replace_numbers

__all__ = ["free_batch"]

# Of pictures one by one against the same pictures together; sums are taken in another order.
TOLERANCE = 1e-3


def free_batch(model: ir.Model, pictures: Input, folder: Path) -> Input:
    """Open the batch of a graph that fixes it, where that gives the same numbers.

    What is written into reshapes is replaced, and constants are repeated for every picture. Then
    it is tried: where pictures together don't come out as they do alone, all is left as it was.
    """
    if pictures.batch is None:
        return pictures
    trial = model.clone()
    free = Input(trial.graph.inputs[0], pictures.layout, None, pictures.size)
    _open(trial.graph, pictures.batch, free)
    try:
        free = observe(trial, free, folder)
        if free.batch is not None or not _alike(model, trial, pictures, free, folder):
            return pictures
    except ModelFileError:
        return pictures
    model.graph = trial.graph
    return Input(model.graph.inputs[0], free.layout, None, free.size)


def _open(graph: ir.Graph, batch: int, free: Input) -> None:
    free.value.shape = ir.Shape([BATCH, *(free.value.shape or ())[1:]])
    moving = pixel_values(graph)
    for node in list(graph):
        if not moving.intersection(node.outputs):
            continue
        shape = node.outputs[0].shape
        if node.op_type == "Reshape" and shape is not None and _leads(node.inputs[0], batch):
            replace_numbers(graph, node, 1, [-1, *(int(side) for side in list(shape)[1:])])  # type: ignore[arg-type]
            node.attributes.pop("allowzero", None)
        elif node.op_type == "Concat":
            _repeat_constants(graph, node, moving)


def _leads(value: ir.Value | None, batch: int) -> bool:
    """Whether the first side is that of the batch."""
    return value is not None and value.shape is not None and value.shape[0] == batch


def _repeat_constants(graph: ir.Graph, node: ir.Node, moving: set[ir.Value]) -> None:
    """Repeat what is joined to every picture, such as a class token, as often as there are any."""
    picture = next(value for value in node.inputs if value in moving)
    for place, value in enumerate(node.inputs):
        if value is None or value in moving or value.const_value is None:
            continue
        array = value.const_value.numpy()
        if picture is None or array.ndim == 0 or node.attributes.get_int("axis", 0) == 0:
            continue
        name = f"{node.outputs[0].name}/constant_{place}"
        one = ir.Value(
            name=name,
            const_value=ir.tensor(np.ascontiguousarray(array[:1]), name=name),
            shape=ir.Shape([1, *array.shape[1:]]),
            type=value.type,
        )
        graph.register_initializer(one)
        count = ir.node("Shape", [picture], {"start": 0, "end": 1}, name=f"{name}/batch")
        rest = ir.Value(
            name=f"{name}/sides",
            const_value=ir.tensor(np.array([1] * (array.ndim - 1), np.int64), name=f"{name}/sides"),
            shape=ir.Shape([array.ndim - 1]),
            type=ir.TensorType(ir.DataType.INT64),
        )
        graph.register_initializer(rest)
        sides = ir.node("Concat", [count.outputs[0], rest], {"axis": 0}, name=f"{name}/target")
        every = ir.node("Expand", [one, sides.outputs[0]], name=f"{name}/every")
        for made in (count, sides, every):
            made.outputs[0].name = made.name
        graph.insert_before(node, [count, sides, every])
        node.replace_input_with(place, every.outputs[0])


def _alike(
    model: ir.Model, trial: ir.Model, pictures: Input, free: Input, folder: Path
) -> bool:
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
