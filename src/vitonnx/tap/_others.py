"""Tokens that aren't patches: the numbers before and after the patches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx_ir as ir

from vitonnx.engine import run_values
from vitonnx.tap._blocks import Stream
from vitonnx.tap._input import Input
from vitonnx.tap._patches import STILL, Patches

__all__ = ["place_others"]


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
