"""From pixels to tokens: the patches, their grid, and the positions added to them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from vitonnx.contract import PATCH_KERNEL, POSITION_EMBEDDING
from vitonnx.engine import run_values
from vitonnx.errors import ModelFileError
from vitonnx.graph import ancestors, constant
from vitonnx.tap._blocks import Stream
from vitonnx.tap._input import Input
from vitonnx.tap._observe import pixel_values

__all__ = ["Patches", "check_order", "find_patches", "name_weights"]

# Of a change against the largest: rounding, and what half precision makes of it; whole numbers are
# scaled by the largest of a picture. Where patches are a pixel off, neighbours change by more.
STILL, STILL_IN_STEPS = 1e-2, 0.1
CONVOLUTIONS = frozenset(("Conv", "ConvInteger", "QLinearConv"))
QUANTISING = frozenset(("DynamicQuantizeLinear", "QuantizeLinear"))
STRIDING = CONVOLUTIONS | {"AveragePool", "MaxPool", "SpaceToDepth"}


@dataclass(frozen=True)
class Patches:
    """How pictures become tokens.

    Parameters
    ----------
    size : int
        Side of a patch, in pixels.
    apart : bool
        Whether no pixel is in two patches: several convolutions in a row may overlap.
    grid : (rows, columns)
    prefix : int
        Tokens in front of the patches.
    kernel : onnx_ir.Value or None
        Kernel of the convolution that embeds patches, (dim, 3, size, size); None if there is none,
        or several.
    positions : onnx_ir.Node or None
        The addition of a position embedding.
    position_rows : int
        Number of rows of the embedding.
    suffix : int
        Number of tokens after the patches.
    shift : int
        Pixels that the first patch begins above the picture, and at the left of it.
    """

    size: int
    apart: bool
    grid: tuple[int, int]
    prefix: int
    kernel: ir.Value | None
    positions: ir.Node | None
    position_rows: int
    suffix: int = 0
    shift: int = 0

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

    Raises
    ------
    ModelFileError
        If tokens are no patches of a grid, or patches overlap, or aren't square.
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

    Last rows that aren't those of patches become another initializer.
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
    if rows is not None and (array.ndim > 3 or array.shape[-2:] != weight.shape[-2:]):
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
    """Check that a change of one patch's pixels changes its token, row by row after the prefix.

    A few pictures tell all patches apart: each changes the patches whose index has a certain bit
    set. A patch that changes its neighbours too is misplaced; with several overlapping convolutions
    it may, and then some patches are checked one by one.

    Raises
    ------
    ModelFileError
        If patches are in another order, or stand elsewhere.
    """
    count = patches.grid[0] * patches.grid[1]
    name, plain = str(pictures.value.name), pictures.noise(1)
    tokens = stream.blocks[0].stream_in
    in_steps = any(node.op_type in QUANTISING for node in model.graph)
    still = STILL_IN_STEPS if in_steps else STILL
    (before,) = run_values(model, {name: plain}, [tokens], folder)

    def change(where: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Change all pixels of some places, and see how much each token changes."""
        pixels = _changed(plain, where, pictures.layout)
        (after,) = run_values(model, {name: pixels}, [tokens], folder)
        difference = np.abs(before.astype(np.float64) - after)
        return np.asarray(difference.reshape(stream.tokens, -1).max(axis=1))

    def of_patches(chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return _pixels(chosen.reshape(patches.grid), patches, pictures.size)

    numbers = np.arange(count)
    found = np.full(stream.tokens, -1)
    if patches.apart:
        every = change(of_patches(numbers >= 0))
        beyond = change(~of_patches(numbers >= 0))
        found[every > still * every.max()] = 0
        for bit in range((count - 1).bit_length()):
            part = change(of_patches(numbers >> bit & 1 == 1))
            found[(part > still * part.max()) & (found >= 0)] += 1 << bit
        found[beyond > still * every.max()] = -1
    else:
        found[patches.prefix : patches.prefix + count] = numbers
        for number in (0, patches.grid[1] - 1, count // 2, count - 1):
            found[patches.prefix + number] = -1
            found[change(of_patches(numbers == number)).argmax()] = number
    expected = np.full(stream.tokens, -1)
    expected[patches.prefix : patches.prefix + count] = numbers
    if (found != expected).any():
        place = int((found != expected).argmax())
        raise ModelFileError(
            f"The model's tokens are not its patches of {patches.size}x{patches.size} pixels, row "
            f"by row behind {patches.prefix} others: token {place} sees other pixels than it "
            "should. Its maps would be wrong, so it can't be tapped."
        )


def _pixels(
    chosen: NDArray[np.bool_], patches: Patches, size: tuple[int, int]
) -> NDArray[np.bool_]:
    """Mark the pixels of some patches of a grid in a picture that may be larger than it."""
    marked = chosen.repeat(patches.size, axis=0).repeat(patches.size, axis=1)
    marked = marked[patches.shift :, patches.shift :]
    beyond = [(0, whole - covered) for whole, covered in zip(size, marked.shape, strict=True)]
    return np.pad(marked, beyond)


def _changed(pixels: NDArray[Any], where: NDArray[np.bool_], layout: str) -> NDArray[Any]:
    """Change all pixels of some places."""
    where = where[None, None] if layout == "NCHW" else where[None, ..., None]
    other = 255 - pixels if pixels.dtype == np.uint8 else 1 - pixels
    return np.where(where, other, pixels)
