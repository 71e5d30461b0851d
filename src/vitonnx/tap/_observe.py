"""Run a graph and look at it: shapes as they are, and all that no pixel can change.

Exporters leave shape arithmetic, masks, rotary tables and resampled position embeddings as nodes,
each in their own way. Nothing here interprets them. The graph is run with one batch size and with
another: sides that stay equal belong to the model, sides that grow are the batch's, and values that
neither pixels nor batch change are constants.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import onnx_ir.passes.common as common
from numpy.typing import NDArray

from vitonnx.engine import run_values, value_types
from vitonnx.errors import ModelFileError
from vitonnx.graph import constant
from vitonnx.tap._foreign_graph import Input

__all__ = ["BATCH", "observe", "pixel_values"]

BATCH = "batch"
# They share no factor: what is 2 n of the one and 3 n of the other grows with the batch.
BATCHES = (2, 3)
# A weight in another layout stays with its weight, and quantised weights stay quantised.
LAYOUT = frozenset(("Transpose", "DequantizeLinear"))
LARGEST = 2**26  # bytes of a constant
MOST_PICTURES = 256  # of a batch that is fixed; what is larger is tokens or channels
MEETING = frozenset(("Add", "Div", "Mul", "Sub", "Where"))  # in these, one row meets all
# As the runtime calls them.
TYPES = {kind.name.lower(): kind for kind in ir.DataType}


def observe(model: ir.Model, pictures: Input, folder: Path) -> Input:
    """Set the observed shapes of all values, and fold all constants, in place.

    The first side of a shape is ``batch`` where it is the batch's; sub-graphs that depend on no
    pixel and on no batch become initializers, and reshapes have constant targets. The input
    returned has the batch that the graph really fixes, whatever it declares. A graph that can't be
    run raises ModelFileError.
    """
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    common.RemoveUnusedNodesPass()(model)
    _set_types(model, folder)
    sights = _look_twice(model, pictures, folder) if pictures.batch is None else None
    if sights is None:
        # Some say that the batch is open, and have it in their reshapes all the same.
        pictures, sights = _look_once(model, pictures, folder)
    _set_shapes(sights)
    _make_constant(model, sights)
    _fix_reshapes(model.graph)
    common.RemoveUnusedNodesPass()(model)
    return pictures


def _set_types(model: ir.Model, folder: Path) -> None:
    """Infer all types; inferred shapes are replaced by observed ones."""
    common.ShapeInferencePass()(model)
    unknown = [v for node in model.graph for v in node.outputs if v.name and v.dtype is None]
    if unknown:
        for value, kind in zip(unknown, value_types(model, unknown, folder), strict=True):
            value.type = ir.TensorType(TYPES[kind])


def _look_twice(model: ir.Model, pictures: Input, folder: Path) -> list[_Sight] | None:
    """Run with two batches; None where the graph doesn't take both, picture by picture."""
    try:
        sights = [_look(model, pictures, batch, folder) for batch in BATCHES]
    except ModelFileError:
        return None
    return None if _mixes_pictures(*sights) else sights


def _mixes_pictures(first: _Sight, last: _Sight) -> bool:
    """Whether two sides of one value grow with the batch, as where all tokens attend to all."""
    pairs = ((shape, last.shapes[value]) for value, shape in first.shapes.items())
    return any(
        sum(one != other for one, other in zip(*pair, strict=False)) > 1
        for pair in pairs
        if len(pair[0]) == len(pair[1])
    )


def _look_once(model: ir.Model, pictures: Input, folder: Path) -> tuple[Input, list[_Sight]]:
    """Run with the batch that the graph takes: its input's, or the first that does."""
    refusals = []
    for batch in [pictures.batch] if pictures.batch else _baked_batches(model.graph):
        fixed = replace(pictures, batch=batch)
        try:
            sights = [_look(model, fixed, batch, folder)]
        except ModelFileError as error:
            refusals.append(error)
            continue
        fixed.value.shape = ir.Shape([batch, *(pictures.value.shape or ())[1:]])
        return fixed, sights
    raise refusals[0]


def _baked_batches(graph: ir.Graph) -> list[int]:
    """List candidates, smallest first: tracing ``len(x)`` leaves the batch in one of these.

    Always 1; the first side of the declared outputs, of constants, such as a repeated class token,
    and of the targets of reshapes and expansions.
    """
    found = {1, *(_first(value.shape) for value in graph.outputs)}
    for value in graph.initializers.values():
        tensor, shape = value.const_value, value.shape
        if tensor is None or shape is None:
            continue
        if len(shape) == 1 and value.dtype == ir.DataType.INT64 and tensor.size > 1:
            found.add(int(tensor.numpy()[0]))
        elif len(shape) > 1:
            found.add(_first(shape))
    return sorted(batch for batch in found if 0 < batch <= MOST_PICTURES)


def _first(shape: ir.Shape | None) -> int:
    side = shape[0] if shape is not None and len(shape) else 0
    return side if isinstance(side, int) else 0


@dataclass(frozen=True)
class _Sight:
    """Observation of one run."""

    shapes: dict[ir.Value, list[int]]
    still: dict[ir.Value, NDArray[Any]]
    batch: int


def _look(model: ir.Model, pictures: Input, batch: int, folder: Path) -> _Sight:
    graph = model.graph
    values = [value for node in graph for value in node.outputs if value.name]
    shapes = [ir.node("Shape", [value]) for value in values]
    for number, node in enumerate(shapes):
        node.outputs[0].name = f"vitonnx/shape_{number}"
        node.outputs[0].type = ir.TensorType(ir.DataType.INT64)
    still = _still(graph)
    graph.extend(shapes)
    try:
        wanted = [*(node.outputs[0] for node in shapes), *still]
        feed = {str(pictures.value.name): pictures.noise(batch)}
        arrays = run_values(model, feed, wanted, folder, optimise=False)
    finally:
        graph.remove(shapes, safe=True)
    sides = {
        value: [int(side) for side in array] for value, array in zip(values, arrays, strict=False)
    }
    sides[pictures.value] = list(feed[str(pictures.value.name)].shape)
    return _Sight(sides, dict(zip(still, arrays[len(values) :], strict=True)), batch)


def pixel_values(graph: ir.Graph, past: ir.Value | None = None) -> set[ir.Value]:
    """Return all values that depend on pixels, rather than only on a picture's size.

    If a value is given, those that also depend on them past it.
    """
    found = {value for value in graph.inputs if not value.is_initializer()}
    for node in graph:
        blind = node.op_type in ("Shape", "Size") or past in node.outputs
        if not blind and found.intersection(node.inputs):
            found.update(node.outputs)
    return found


def _still(graph: ir.Graph) -> list[ir.Value]:
    """Return values computed without pixels, except weights in another layout."""
    moving = pixel_values(graph)
    layouts: set[ir.Value] = set()
    still = []
    for node in graph:
        first = node.inputs[0] if node.inputs else None
        is_weight = first is not None and (first.is_initializer() or first in layouts)
        if node.op_type in LAYOUT and is_weight:
            layouts.update(node.outputs)
        elif not moving.intersection(node.outputs):
            still += [value for value in node.outputs if value.name]
    return still


def _set_shapes(sights: list[_Sight]) -> None:
    first, last = sights[0], sights[-1]
    for value, shape in first.shapes.items():
        other = last.shapes[value]
        if len(shape) == len(other):
            pairs = zip(shape, other, strict=True)
            value.shape = ir.Shape([_side(one, two, first, last) for one, two in pairs])


def _side(one: int, two: int, first: _Sight, last: _Sight) -> int | str | None:
    """Tell the model's own sides from the batch, and from sides that grow with it."""
    if one == two:
        return one
    if one % first.batch == 0 and one // first.batch * last.batch == two:
        times = one // first.batch
        return BATCH if times == 1 else f"{times}*{BATCH}"
    return None


def _make_constant(model: ir.Model, sights: list[_Sight]) -> None:
    graph = model.graph
    for value, array in sights[0].still.items():
        other = sights[-1].still[value]
        if array.nbytes > LARGEST:
            continue
        if np.array_equal(array, other, equal_nan=array.dtype.kind == "f"):
            always = constant(graph, f"{value.name}/constant", array)
            value.replace_all_uses_with(always, replace_graph_outputs=True)
        else:
            _share_row(graph, value, array, other)


def _share_row(graph: ir.Graph, value: ir.Value, array: NDArray[Any], other: NDArray[Any]) -> None:
    """Share a row that is the same for every picture, where pictures meet it one by one."""
    if not array.ndim or array.shape[1:] != other.shape[1:]:
        return
    if (array != array[:1]).any() or (other != array[:1]).any():
        return
    moving = pixel_values(graph)
    for use in list(value.uses()):
        met = use.node.outputs[0].shape
        if use.node.op_type not in MEETING or met is None or len(met) != array.ndim:
            continue
        # Another input must bring the pictures.
        if any(
            each in moving and each.shape == met for each in use.node.inputs if each is not None
        ):
            row = constant(graph, f"{value.name}/row", array[:1])
            use.node.replace_input_with(use.idx, row)


def _fix_reshapes(graph: ir.Graph) -> None:
    """Write what reshapes come to in numbers: one side at most is the batch's.

    A 0 means "as it was" then, as graph passes take it: none of these sides is empty.
    """
    for node in graph:
        shape = node.outputs[0].shape if node.op_type == "Reshape" else None
        if shape is None:
            continue
        sides = [side if isinstance(side, int) else -1 for side in shape]
        if sides.count(-1) <= 1 and 0 not in sides:
            write_target(graph, node, sides)


def write_target(graph: ir.Graph, node: ir.Node, sides: list[int]) -> None:
    """Write a reshape's target in numbers, for this node only."""
    node.replace_input_with(1, constant(graph, f"{node.outputs[0].name}/input_1", sides))
    node.attributes.pop("allowzero", None)
