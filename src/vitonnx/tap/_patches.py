"""From pixels to tokens: the patches, their grid, and what is added to say where they are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from vitonnx.engine import run_values
from vitonnx.errors import ModelFileError
from vitonnx.graph import PATCH_KERNEL, POSITION_EMBEDDING, ancestors
from vitonnx.tap._blocks import Stream
from vitonnx.tap._constant import constant
from vitonnx.tap._input import Input
from vitonnx.tap._observe import pixel_values

__all__ = ["Patches", "check_order", "find_patches", "name_weights"]

# Of a change against the largest: rounding, and what half precision makes of it.
STILL = 1e-2
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
    suffix : int
        Tokens behind the patches.
    """

    size: int
    grid: tuple[int, int]
    prefix: int
    kernel: ir.Value | None
    positions: ir.Node | None
    position_rows: int
    suffix: int = 0

    @property
    def rows_behind(self) -> int:
        """Rows of the position embedding that belong to tokens behind the patches."""
        return self.suffix if self.position_rows > self.grid[0] * self.grid[1] + self.prefix else 0


def find_patches(graph: ir.Graph, stream: Stream, pictures: Input) -> Patches:
    """Find patches and positions in front of the first block.

    Raises
    ------
    ModelFileError
        If tokens are no patches of a grid.
    """
    start = stream.blocks[0].stream_in
    moving = pixel_values(graph)
    needed = ancestors([start]) & moving
    before = [node for node in graph if needed.intersection(node.outputs)]
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
            f"The model has {rows}x{columns} patches, and its blocks {stream.tokens} tokens: "
            "patches are merged or left out on the way, and it can't be tapped."
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
        sides = [side for side in constants[0].const_value.numpy().shape if side != 1]
        if len(sides) == 2 and sides[1] == stream.dim and patches <= sides[0] <= stream.tokens:
            return node, sides[0]
    return None, 0


def name_weights(graph: ir.Graph, patches: Patches) -> None:
    """Give kernel and position embedding their names and forms; what reads them reads on."""
    if patches.kernel is not None:
        _rename(graph, patches.kernel, PATCH_KERNEL)
    if patches.positions is not None:
        one, other = patches.positions.inputs
        value = one if one is not None and one.const_value is not None else other
        _rename(
            graph,
            value,
            POSITION_EMBEDDING,
            rows=patches.position_rows,
            behind=patches.rows_behind,
        )


def _rename(
    graph: ir.Graph, value: ir.Value | None, name: str, rows: int | None = None, behind: int = 0
) -> None:
    """Put a float32 initializer in a value's place; of two axes, if rows are given.

    Its last rows are another initializer, where they are no patches'.
    """
    assert value is not None
    assert value.const_value is not None
    array, given_type = value.const_value.numpy(), ir.TensorType(ir.DataType.FLOAT)
    weight = array.astype(np.float32).reshape(array.shape if rows is None else (rows, -1))
    given, nodes = constant(graph, name, weight[: len(weight) - behind]), []
    if behind:
        rest = constant(graph, f"{name}/behind", weight[len(weight) - behind :])
        nodes.append(ir.node("Concat", [given, rest], {"axis": 0}, name=f"{name}/concat"))
        given = nodes[-1].outputs[0]
    if array.dtype != np.float32:
        nodes.append(ir.node("Cast", [given], {"to": int(value.dtype or 1)}, name=f"{name}/cast"))
        given = nodes[-1].outputs[0]
    # (rows, dim) is added to (batch, rows, dim) as it is; what else there is is made of it.
    if array.ndim > 3 or array.shape[-2:] != weight.shape[-2:]:
        sides = constant(graph, f"{name}/shape", np.array(array.shape, np.int64))
        nodes.append(ir.node("Reshape", [given, sides], name=f"{name}/reshape"))
        given = nodes[-1].outputs[0]
    for node in nodes:
        shape = array.shape if node.op_type == "Reshape" else weight.shape
        kind = given_type if node.op_type == "Concat" else value.type
        node.outputs[0].name, node.outputs[0].type = node.name, kind
        node.outputs[0].shape = ir.Shape(shape)
    value.replace_all_uses_with(given)
    for node in reversed(nodes):
        graph.insert_before(graph[0], node)


def check_order(
    model: ir.Model, stream: Stream, patches: Patches, pictures: Input, folder: Path
) -> None:
    """See that a change of one patch's pixels changes its token, row by row behind the prefix.

    All patches are told apart by few pictures: in each, those are changed whose number has a
    certain bit. Where convolutions overlap, and a patch changes its neighbours too, some patches
    are looked at one by one.

    Raises
    ------
    ModelFileError
        If patches are in another order, or stand elsewhere.
    """
    count = patches.grid[0] * patches.grid[1]
    name, plain = str(pictures.value.name), pictures.noise(1)
    tokens = stream.blocks[0].stream_in

    def change(chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
        pixels = _changed(plain, chosen.reshape(patches.grid), patches.size, pictures.layout)
        one, other = (run_values(model, {name: p}, [tokens], folder)[0] for p in (plain, pixels))
        difference = np.abs(one.astype(np.float64) - other)
        return np.asarray(difference.reshape(stream.tokens, -1).max(axis=1))

    numbers = np.arange(count)
    alone = change(numbers == count // 2)
    found = np.full(stream.tokens, -1)
    if (alone > STILL * alone.max()).sum() == 1:
        every = change(numbers >= 0)
        found[every > STILL * every.max()] = 0
        for bit in range((count - 1).bit_length()):
            part = change(numbers >> bit & 1 == 1)
            found[(part > STILL * part.max()) & (found >= 0)] += 1 << bit
    else:
        found[patches.prefix : patches.prefix + count] = numbers
        for number in (0, patches.grid[1] - 1, count // 2, count - 1):
            found[patches.prefix + number] = -1
            found[change(numbers == number).argmax()] = number
    expected = np.full(stream.tokens, -1)
    expected[patches.prefix : patches.prefix + count] = numbers
    if (found != expected).any():
        place = int((found != expected).argmax())
        raise ModelFileError(
            f"The model's tokens are not its patches row by row behind {patches.prefix} others: "
            f"token {place} isn't what it should be. Its maps would be wrong, so it is not tapped."
        )


def _changed(
    pixels: NDArray[Any], chosen: NDArray[np.bool_], size: int, layout: str
) -> NDArray[Any]:
    """Change all pixels of some patches."""
    where = chosen.repeat(size, axis=0).repeat(size, axis=1)
    where = where[None, None] if layout == "NCHW" else where[None, ..., None]
    other = 255 - pixels if pixels.dtype == np.uint8 else 1 - pixels
    return np.where(where, other, pixels)
