"""Colours and textures, drawn alike for things of all classes and for their grounds."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["draw_colour_far_from", "draw_colours", "pattern"]

CANDIDATES = 6
SHARPNESS = (1, 4, 6, 6)  # of the edges of slope, stripes, checks and dots


def draw_colours(generator: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Draw any colours, float32 (count, 3) in the range 0 to 255."""
    # Hue in degrees, saturation, value.
    drawn = generator.random((1, count, 3), np.float32) * (360, 0.8, 0.8) + (0, 0.15, 0.2)
    rgb = cv2.cvtColor(drawn.astype(np.float32), cv2.COLOR_HSV2RGB)[0]
    return np.asarray(rgb * 255, np.float32)


def draw_colour_far_from(
    generator: np.random.Generator, other: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Draw a colour that can be told from another: the farthest of a few."""
    candidates = draw_colours(generator, CANDIDATES)
    farthest = np.abs(candidates - other).sum(axis=1).argmax()
    return np.asarray(candidates[farthest], np.float32)


def pattern(
    generator: np.random.Generator, x: NDArray[np.floating], y: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Draw a texture over coordinates, with values from -1 to 1: a slope, stripes, dots or checks.

    The smallest structure is about a third of a unit wide.
    """
    kind = generator.integers(4)
    turn, offset, frequency = generator.random(3) * (2 * np.pi, 2 * np.pi, 5) + (0, 0, 5)
    cosine, sine = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    values = cosine * x + sine * y
    if kind > 0:
        values = np.sin(np.float32(frequency) * values + np.float32(offset))
    if kind > 1:
        values *= np.sin(np.float32(frequency) * (cosine * y - sine * x))
    if kind == 3:
        values -= 0.4
    return np.asarray(np.clip(SHARPNESS[kind] * values, -1, 1), np.float32)
