"""What networks that are no Vision Transformers have in common with them.

Pictures are of 24 x 40 pixels, and their patches 3 x 5 of 8 pixels, where nothing else is said.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx

from tap.foreign_sketch import Side, Sketch

PIXELS: dict[str, Sequence[Side]] = {"pixels": ("batch", 3, 24, 40)}
DIM, HEADS, CLASSES, PATCHES = 12, 3, 7, 15


def patches(sketch: Sketch, pixels: str = "pixels", dim: int = DIM) -> str:
    """Cut a picture into patches, and embed them."""
    return sketch.flattened(sketch.conv(pixels, 3, dim, 8, 8), dim)


def classified(
    sketch: Sketch,
    x: str,
    dim: int = DIM,
    inputs: dict[str, Sequence[Side]] = PIXELS,
) -> onnx.ModelProto:
    """Read out the mean over all tokens."""
    scores = sketch.dense(sketch.mean(sketch.normed(x, dim), 1), dim, CLASSES)
    return sketch.model(inputs, {"scores": (scores, ("batch", CLASSES))})
