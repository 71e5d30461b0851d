"""Which tokens are which patches, found out and proved by changing pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from vitonnx.engine import run_values
from vitonnx.errors import ModelFileError
from vitonnx.tap._find_patches import Patches
from vitonnx.tap._foreign_graph import Input
from vitonnx.tap._residual_stream import Stream

__all__ = ["check_order", "place_others"]

# Of a change against the largest: rounding, and what half precision makes of it; whole numbers are
# scaled by the largest of a picture. Where patches are a pixel off, neighbours change by more.
STILL, STILL_IN_STEPS = 1e-2, 0.1
QUANTISING = frozenset(("DynamicQuantizeLinear", "QuantizeLinear"))


def place_others(
    model: ir.Model, stream: Stream, patches: Patches, pictures: Input, folder: Path
) -> Patches:
    """Tell tokens before the patches from tokens after them, by those that no pixel changes.

    If pixels change all tokens, all others are assumed to come first, as nearly everywhere. The
    result is checked afterwards: see `check_order`.
    """
    name, start = str(pictures.value.name), stream.blocks[0].stream_in
    one, other = (
        run_values(model, {name: pictures.noise(1, seed)}, [start], folder)[0] for seed in (0, 1)
    )
    difference = np.abs(one.astype(np.float64) - other).reshape(stream.tokens, -1).max(axis=1)
    moved = difference > STILL * difference.max()
    count = patches.grid[0] * patches.grid[1]
    first = int(moved.argmax())
    if moved.sum() != count or not moved[first : first + count].all():
        return patches
    return replace(patches, prefix=first, suffix=stream.tokens - count - first)


def check_order(
    model: ir.Model, stream: Stream, patches: Patches, pictures: Input, folder: Path
) -> None:
    """Check that a change of one patch's pixels changes its token, row by row after the prefix.

    A few pictures tell all patches apart: each changes the patches whose index has a certain bit
    set. A patch that changes its neighbours too is misplaced; with several overlapping convolutions
    it may, and then some patches are checked one by one. Patches in another order, or elsewhere:
    ModelFileError.
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
