"""A foreign graph, read from an untrusted file, and its one input: pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from vitonnx.errors import ModelFileError, UsageError
from vitonnx.manifest import Preprocessing
from vitonnx.modelfile import is_ours, open_graph
from vitonnx.tap._plain import WriteErfc

__all__ = ["Input", "find_input", "fixed_size", "open_foreign"]


def open_foreign(file: Path) -> ir.Model:
    """Read a graph; its large weights stay in their files until needed.

    Raises ModelFileError for what `open_graph` refuses, and for files that vitonnx made.
    """
    if is_ours(file):
        raise ModelFileError(
            f"{file} needs no tapping: vitonnx made it. `vitonnx inspect` shows its content."
        )
    model = open_graph(file)
    if not len(model.graph):
        raise ModelFileError(f"{file} is not a model: its graph is empty.")
    WriteErfc()(model)
    return model


Layout = Literal["NCHW", "NHWC"]
NUMBERS = {
    ir.DataType.FLOAT: np.float32,
    ir.DataType.FLOAT16: np.float16,
    ir.DataType.UINT8: np.uint8,
}
PICTURES = "(batch, 3, height, width) or (batch, height, width, 3)"
MOST_PIXELS = 2**24  # 4096x4096: attention among the patches of more fits no machine


@dataclass(frozen=True)
class Input:
    """Input of a graph that takes pictures."""

    value: ir.Value
    layout: Layout  # whether colours are its second or its last axis
    batch: int | None  # number of pictures, where the graph fixes it
    size: tuple[int, int]  # (height, width), in pixels

    @property
    def dtype(self) -> Any:
        """Type of the array that it takes."""
        return NUMBERS[self.value.dtype or ir.DataType.FLOAT]

    def noise(self, batch: int, seed: int = 0) -> NDArray[Any]:
        """Draw pictures of noise, as the graph takes them."""
        random = np.random.default_rng(seed)
        pixels = random.integers(0, 256, (batch, *self.size, 3), np.uint8)
        return self.arrange(pixels if self.dtype == np.uint8 else pixels / 127.5 - 1)

    def arrange(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Bring (batch, height, width, 3) into the graph's layout and type."""
        turned = pixels.transpose(0, 3, 1, 2) if self.layout == "NCHW" else pixels
        return np.ascontiguousarray(turned.astype(self.dtype))


def find_input(graph: ir.Graph, size: tuple[int, int]) -> Input:
    """Find the graph's input, and set it to a size, (height, width), in pixels.

    The shape of the input is changed where it is open; a size that isn't the graph's own is refused
    with a UsageError, an input that takes something other than pictures with a ModelFileError.
    """
    value, layout, places = _pictures(graph)
    shape = list(value.shape or ())
    sides = [_side(shape[place], size, which) for which, place in enumerate(places)]
    batch = shape[0] if isinstance(shape[0], int) else None
    channels = 1 if layout == "NCHW" else 3
    fixed: list[Any] = [shape[0], *sides, *sides][:4]
    for place, side in zip((*places, channels), (*sides, 3), strict=True):
        fixed[place] = side
    value.shape = ir.Shape(fixed)
    return Input(value, layout, batch, (sides[0], sides[1]))


def normalisation(recipe: Preprocessing) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return what is subtracted from pixels from 0 to 255, and what they are multiplied by then."""
    mean = (np.array(recipe.mean) * 255).astype(np.float32)
    return mean, (1 / (np.array(recipe.std) * 255)).astype(np.float32)


def _side(found: int | ir.SymbolicDim, size: tuple[int, int], which: int) -> int:
    if isinstance(found, int) and size[which] != found:
        raise UsageError(
            f"The model's {('height', 'width')[which]} is {found}, and can't be {size[which]}: "
            "omit --size, or export it for that size."
        )
    return size[which]


def fixed_size(graph: ir.Graph) -> tuple[int, int] | None:
    """Return the size of the pictures that a graph takes; None if open."""
    value, _, (rows, columns) = _pictures(graph)
    assert value.shape is not None
    height, width = value.shape[rows], value.shape[columns]
    if not isinstance(height, int) or not isinstance(width, int):
        return None
    if min(height, width) < 1 or height * width > MOST_PIXELS:
        raise ModelFileError(
            f"The model's input is of {height}x{width} pixels, as in no Vision Transformer: "
            "export it again for pictures of the size it was trained on."
        )
    return height, width


def _pictures(graph: ir.Graph) -> tuple[ir.Value, Layout, tuple[int, int]]:
    """Find the one input; and which of its axes are height and width."""
    inputs = [value for value in graph.inputs if not value.is_initializer()]
    if len(inputs) != 1:
        names = ", ".join(repr(value.name) for value in inputs) or "none"
        raise ModelFileError(
            f"The model must have one input, pictures, but has {len(inputs)} ({names}): export "
            "only its image encoder."
        )
    (value,) = inputs
    shape = None if value.shape is None else list(value.shape)
    if shape is None or len(shape) != 4 or value.dtype not in NUMBERS:
        kind = "of unknown type" if value.dtype is None else str(value.dtype).lower()
        form = "without a shape" if shape is None else str(tuple(map(str, shape)))
        raise ModelFileError(
            f"The model's input {value.name!r} takes no pictures: it is {kind}, {form}, but must "
            f"be float or uint8, {PICTURES}."
        )
    if shape[1] == 3:
        return value, "NCHW", (2, 3)
    if shape[3] == 3:
        return value, "NHWC", (1, 2)
    if not isinstance(shape[1], int) and not isinstance(shape[3], int):
        return value, "NCHW", (2, 3)  # as exporters of open shapes have it
    raise ModelFileError(
        f"The model's input {value.name!r} takes no colour pictures: its shape is "
        f"{tuple(map(str, shape))} but must be {PICTURES}."
    )
