"""From pixels to tokens: the patches, their grid, and what is added to say where they are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx_ir as ir

from vitonnx.engine import run_values
from vitonnx.errors import ModelFileError
from vitonnx.graph import PATCH_KERNEL, POSITION_EMBEDDING, ancestors
from vitonnx.tap._blocks import Stream
from vitonnx.tap._input import Input
from vitonnx.tap._observe import pixel_values

__all__ = ["Patches", "check_order", "find_patches", "name_weights"]

CONVOLUTIONS = frozenset(("Conv", "ConvInteger", "QLinearConv"))


@dataclass(frozen=True)
class Patches:
    """How pictures become tokens.

    Parameters
    ----------
    size : int
        Side of a patch, in pixels.
    grid : (rows, columns)
    prefix : int
        Tokens in front of the patches.
    kernel : onnx_ir.Value or None
        Of the convolution that embeds patches, (dim, 3, size, size); None where it is none, or
        not the only one.
    positions : onnx_ir.Node or None
        The addition of a position embedding.
    position_rows : int
        That the embedding has.
    """

    size: int
    grid: tuple[int, int]
    prefix: int
    kernel: ir.Value | None
    positions: ir.Node | None
    position_rows: int


def find_patches(graph: ir.Graph, stream: Stream, pictures: Input) -> Patches:
    """Find patches and positions in front of the first block.

    Raises
    ------
    ModelFileError
        If tokens are no patches of a grid.
    """
    start = stream.blocks[0].stream_in
    moving = pixel_values(graph)
    before = [
        node for node in graph if set(node.outputs) & ancestors([start]) and set(node.outputs) & moving
    ]
    convolutions = [node for node in before if node.op_type in CONVOLUTIONS]
    if convolutions:
        grid = _grid_of(convolutions[-1])
        kernel = _kernel(convolutions, pictures.size, grid)
    else:
        grid, kernel = _unfolded(before, pictures.size), None
    if grid is None:
        raise ModelFileError(
            "Nothing was found that makes patches of the picture, neither a convolution nor a "
            "product: the model is no Vision Transformer, and can't be tapped."
        )
    rows, columns = grid
    size = pictures.size[0] // rows
    if (rows * size, columns * size) != pictures.size:
        raise ModelFileError(
            f"The model's patches, {rows}x{columns} of {size} pixels, don't cover its pictures of "
            f"{pictures.size[0]}x{pictures.size[1]}: export it for a multiple of the patch size."
        )
    prefix = stream.tokens - rows * columns
    if prefix < 0:
        raise ModelFileError(
            f"The model has {rows}x{columns} patches, and its blocks {stream.tokens} tokens: patches "
            "are merged or left out on the way, and it can't be tapped."
        )
    positions, count = _positions(before, moving, stream, rows * columns)
    return Patches(size, grid, prefix, kernel, positions, count)


def _grid_of(node: ir.Node) -> tuple[int, int] | None:
    shape = node.outputs[0].shape
    if shape is None or len(shape) != 4:
        return None
    rows, columns = shape[2], shape[3]
    return (rows, columns) if isinstance(rows, int) and isinstance(columns, int) else None


def _kernel(
    convolutions: list[ir.Node], size: tuple[int, int], grid: tuple[int, int] | None
) -> ir.Value | None:
    """Give the one kernel that sees a patch of pixels; of several in a row, none does."""
    kernel = convolutions[0].inputs[1]
    if len(convolutions) > 1 or kernel is None or kernel.const_value is None or grid is None:
        return None
    side = size[0] // grid[0]
    floats = kernel.dtype in (ir.DataType.FLOAT, ir.DataType.FLOAT16)
    return kernel if floats and list(kernel.const_value.shape)[1:] == [3, side, side] else None


def _unfolded(before: list[ir.Node], size: tuple[int, int]) -> tuple[int, int] | None:
    """Give the grid of patches that are cut out by reshaping, and embedded by a product."""
    for node in before:
        if node.op_type not in ("MatMul", "Gemm"):
            continue
        source = node.inputs[0]
        inner = None if source is None or source.shape is None else source.shape[-1]
        side = math.isqrt(inner // 3) if isinstance(inner, int) else 0
        if side and 3 * side * side == inner and size[0] % side == size[1] % side == 0:
            return size[0] // side, size[1] // side
    return None


def _positions(
    before: list[ir.Node], moving: set[ir.Value], stream: Stream, patches: int
) -> tuple[ir.Node | None, int]:
    """Find the addition of a constant that has a row for every patch, and perhaps for others."""
    for node in before:
        constants = [value for value in node.inputs if value is not None and value not in moving]
        if node.op_type != "Add" or len(constants) != 1 or constants[0].const_value is None:
            continue
        sides = [side for side in constants[0].const_value.shape if side != 1]
        if len(sides) == 2 and sides[1] == stream.dim and patches <= int(sides[0]) <= stream.tokens:
            return node, int(sides[0])
    return None, 0


def name_weights(graph: ir.Graph, patches: Patches) -> None:
    """Give kernel and position embedding their names and forms; what reads them reads on."""
    if patches.kernel is not None:
        _rename(graph, patches.kernel, PATCH_KERNEL)
    if patches.positions is not None:
        (value,) = (v for v in patches.positions.inputs if v is not None and v.const_value is not None)
        _rename(graph, value, POSITION_EMBEDDING, rows=patches.position_rows)


def _rename(graph: ir.Graph, value: ir.Value, name: str, rows: int | None = None) -> None:
    """Put a float32 initializer of this name in a value's place, as (rows, dim) if rows are given."""
    assert value.const_value is not None
    array = value.const_value.numpy()
    shape = array.shape
    wanted = array.astype(np.float32).reshape(shape if rows is None else (rows, -1))
    weight = ir.Value(
        name=name,
        const_value=ir.tensor(wanted, name=name),
        shape=ir.Shape(wanted.shape),
        type=ir.TensorType(ir.DataType.FLOAT),
    )
    graph.register_initializer(weight)
    reader = list(value.uses())[0].node
    given, nodes = weight, []
    if array.dtype != np.float32:
        nodes.append(ir.node("Cast", [given], {"to": value.dtype.value if value.dtype else 1}))
        given = _described(nodes[-1].outputs[0], f"{name}/cast", value, wanted.shape)
    # (rows, dim) is added to (batch, rows, dim) as it is; other forms are made of it.
    if rows is not None and any(side != 1 for side in shape[:-2]) or shape[-2:] != wanted.shape[-2:]:
        target = ir.Value(
            name=f"{name}/shape",
            const_value=ir.tensor(np.array(shape, np.int64), name=f"{name}/shape"),
            shape=ir.Shape([len(shape)]),
            type=ir.TensorType(ir.DataType.INT64),
        )
        graph.register_initializer(target)
        nodes.append(ir.node("Reshape", [given, target]))
        given = _described(nodes[-1].outputs[0], f"{name}/reshape", value, shape)
    for node in nodes:
        node.name = node.outputs[0].name
    value.replace_all_uses_with(given)
    graph.insert_before(_first(graph, given, reader), nodes)


def _first(graph: ir.Graph, value: ir.Value, reader: ir.Node) -> ir.Node:
    """Give the first of the nodes that read a value."""
    readers = {use.node for use in value.uses()}
    return next((node for node in graph if node in readers), reader)


def _described(new: ir.Value, name: str, like: ir.Value, shape: tuple[int, ...]) -> ir.Value:
    new.name, new.type, new.shape = name, like.type, ir.Shape(shape)
    return new


def check_order(
    model: ir.Model, tokens: ir.Value, patches: Patches, pictures: Input, folder: Path
) -> None:
    """See that a change of one patch's pixels changes its token, row by row behind the prefix.

    Parameters
    ----------
    tokens : onnx_ir.Value
        What goes into the first block, (batch, tokens, dim).

    Raises
    ------
    ModelFileError
        If patches are in another order, or stand elsewhere.
    """
    rows, columns = patches.grid
    plain = pictures.noise(1)
    feeds = {str(pictures.value.name): plain}
    (base,) = run_values(model, feeds, [tokens], folder)
    for row, column in {(0, 0), (0, columns - 1), (rows - 1, 0), (rows // 2, columns // 2)}:
        changed = plain.copy()
        lines, dots = (slice(n * patches.size, (n + 1) * patches.size) for n in (row, column))
        place = (0, slice(None), lines, dots) if pictures.layout == "NCHW" else (0, lines, dots)
        changed[place] = plain[place] // 2 if plain.dtype == np.uint8 else -plain[place] + 0.5
        (other,) = run_values(model, {str(pictures.value.name): changed}, [tokens], folder)
        found = int(np.abs(other[0] - base[0]).sum(axis=-1).argmax())
        expected = patches.prefix + row * columns + column
        if found != expected:
            raise ModelFileError(
                f"The model's tokens are not its patches row by row behind {patches.prefix} others: "
                f"the patch in row {row}, column {column} is token {found} and not {expected}. Its "
                "maps would be wrong, so it is not tapped."
            )
