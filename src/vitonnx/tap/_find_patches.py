"""From pixels to tokens: the patches, their grid, and the positions added to them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from vitonnx.contract import PATCH_KERNEL, POSITION_EMBEDDING
from vitonnx.errors import ModelFileError
from vitonnx.graph import Writer, ancestors, constant
from vitonnx.tap._foreign_graph import Input
from vitonnx.tap._observe import pixel_values
from vitonnx.tap._residual_stream import Stream

__all__ = ["Patches", "find_patches", "name_weights"]

CONVOLUTIONS = frozenset(("Conv", "ConvInteger", "QLinearConv"))
STRIDING = CONVOLUTIONS | {"AveragePool", "MaxPool", "SpaceToDepth"}


@dataclass(frozen=True)
class Patches:
    """How pictures become tokens."""

    size: int  # side of a patch, in pixels
    # Whether no pixel is in two patches: several convolutions in a row may overlap.
    apart: bool
    grid: tuple[int, int]  # (rows, columns)
    prefix: int  # tokens in front of the patches
    # Of the convolution that embeds patches, (dim, 3, size, size); None if none or several do.
    kernel: ir.Value | None
    positions: ir.Node | None  # addition of a position embedding
    position_rows: int  # of that embedding
    suffix: int = 0  # tokens after the patches
    shift: int = 0  # pixels that the first patch begins above the picture, and at the left of it

    @property
    def rows_behind(self) -> int:
        """Rows of the position embedding for tokens after the patches."""
        return self.suffix if self.position_rows > self.grid[0] * self.grid[1] + self.prefix else 0

    @property
    def placed(self) -> int | None:
        """Prefix tokens that have a row in the position embedding; None where there is none."""
        if self.positions is None:
            return None
        return self.position_rows - self.grid[0] * self.grid[1] - self.rows_behind


def find_patches(graph: ir.Graph, stream: Stream, pictures: Input) -> Patches:
    """Find patches and positions in front of the first block.

    If tokens are no patches of a grid, or patches overlap or aren't square: ModelFileError.
    """
    start = stream.blocks[0].stream_in
    moving = pixel_values(graph)
    needed = ancestors([start]) & moving
    before = [node for node in graph if needed.intersection(node.outputs)]
    convolutions = [node for node in before if node.op_type in CONVOLUTIONS]
    if convolutions:
        grid, size, kernel = _convolved(before, convolutions)
        apart = sum(node.op_type in STRIDING for node in before) == 1
        shift = _shift(convolutions[0]) if apart else 0
    else:
        (grid, size), kernel, apart, shift = _unfolded(before, pictures.size), None, True, 0
    if grid is None:
        raise ModelFileError(
            "can't find what turns the picture into patches, a convolution or a product: the "
            "model is not a Vision Transformer, so it can't be tapped."
        )
    rows, columns = grid
    if rows * size > pictures.size[0] or columns * size > pictures.size[1]:
        raise ModelFileError(
            f"The model's patches, {rows}x{columns} of {size} pixels, extend beyond its pictures "
            f"of {pictures.size[0]}x{pictures.size[1]}: what they show there is unknown. Export "
            "it for a multiple of the patch size."
        )
    prefix = stream.tokens - rows * columns
    if prefix < 0:
        raise ModelFileError(
            f"The model has {rows}x{columns} patches, and its blocks {stream.tokens} tokens: it "
            "merges or drops patches, so it can't be tapped."
        )
    positions, count = _positions(before, moving, stream, rows * columns)
    return Patches(size, apart, grid, prefix, kernel, positions, count, shift=shift)


def _convolved(
    before: list[ir.Node], convolutions: list[ir.Node]
) -> tuple[tuple[int, int] | None, int, ir.Value | None]:
    """Return the grid, the patch size, and the only kernel that sees a patch of pixels.

    A patch begins where the one before it ends: its side is the stride, and that of several
    convolutions in a row, none of which sees a whole patch, the product of their strides.
    """
    grid = _grid_of(convolutions[-1])
    steps = [_strides(node) for node in before if node.op_type in STRIDING]
    down, across = (math.prod(step[axis] for step in steps) for axis in (0, 1))
    if down != across:
        raise ModelFileError(
            f"The model's patches are of {down}x{across} pixels: only square ones can be tapped."
        )
    if len(steps) > 1:
        return grid, down, None
    kernel = convolutions[0].inputs[1]
    sides = None if kernel is None or kernel.shape is None else list(kernel.shape)[2:]
    if sides is not None and sides != [down, across]:
        gap = "overlap" if max(map(int, sides)) > down else "leave gaps"  # type: ignore[arg-type]
        raise ModelFileError(
            f"The model's patches of {sides[0]}x{sides[1]} pixels begin every {down} pixels: "
            f"patches that {gap} have no map of the picture, so it can't be tapped."
        )
    if kernel is None or kernel.dtype not in (ir.DataType.FLOAT, ir.DataType.FLOAT16):
        return grid, down, None
    weights = kernel.const_value
    return grid, down, kernel if weights is not None and weights.shape[1] == 3 else None


def _shift(convolution: ir.Node) -> int:
    """Return how far the first patch begins outside the picture, equally on both sides."""
    pads = convolution.attributes.get_ints("pads", (0, 0, 0, 0))
    return pads[0] if pads[0] == pads[1] else 0


def _strides(node: ir.Node) -> tuple[int, int]:
    """Return the pixels down and across that a node steps for each of its outputs."""
    if node.op_type == "SpaceToDepth":
        side = node.attributes.get_int("blocksize", 1)
        return side, side
    down, across = node.attributes.get_ints("strides", (1, 1))
    return down, across


def _grid_of(node: ir.Node) -> tuple[int, int] | None:
    shape = node.outputs[0].shape
    if shape is None or len(shape) != 4:
        return None
    rows, columns = shape[2], shape[3]
    return (rows, columns) if isinstance(rows, int) and isinstance(columns, int) else None


def _unfolded(before: list[ir.Node], size: tuple[int, int]) -> tuple[tuple[int, int] | None, int]:
    """Return grid and size of patches cut by reshaping, and embedded by a product."""
    for node in before:
        if node.op_type not in ("MatMul", "Gemm"):
            continue
        source = node.inputs[0]
        inner = None if source is None or source.shape is None else source.shape[-1]
        side = math.isqrt(inner // 3) if isinstance(inner, int) else 0
        if side and 3 * side * side == inner and min(size) >= side:
            return (size[0] // side, size[1] // side), side
    return None, 0


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
    """Give kernel and position embedding their names and layouts, without affecting readers."""
    if patches.kernel is not None:
        _rename(graph, patches.kernel, PATCH_KERNEL)
    if patches.positions is not None:
        one, other = patches.positions.inputs
        value = one if one is not None and one.const_value is not None else other
        rows, behind = patches.position_rows, patches.rows_behind
        _rename(graph, value, POSITION_EMBEDDING, rows, behind)


def _rename(
    graph: ir.Graph, value: ir.Value | None, name: str, rows: int | None = None, behind: int = 0
) -> None:
    """Put a float32 initializer in a value's place; of two axes, if rows are given.

    Last rows that aren't those of patches become another initializer.
    """
    assert value is not None
    assert value.const_value is not None
    array = value.const_value.numpy()
    weight = array.astype(np.float32).reshape(array.shape if rows is None else (rows, -1))
    write, given = Writer(graph, name), constant(graph, name, weight[: len(weight) - behind])
    if behind:
        rest = write.constant("behind", weight[len(weight) - behind :])
        single = ir.DataType.FLOAT
        given = write.op("Concat", [given, rest], "concat", single, weight.shape, axis=0)
    if array.dtype != np.float32:
        to = int(value.dtype or ir.DataType.FLOAT)
        given = write.op("Cast", [given], "cast", value.dtype, weight.shape, to=to)
    # (rows, dim) is added to (batch, rows, dim) as it is; what else there is is made of it.
    if rows is not None and (array.ndim > 3 or array.shape[-2:] != weight.shape[-2:]):
        sides = write.constant("shape", list(array.shape))
        given = write.op("Reshape", [given, sides], "reshape", value.dtype, array.shape)
    value.replace_all_uses_with(given)
    write.put_before(graph[0])
