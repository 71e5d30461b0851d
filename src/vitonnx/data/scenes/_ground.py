"""Background of a scene: textured ground, and clutter that isn't an object."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vitonnx.data.scenes._colours import draw_colours, pattern

__all__ = ["draw_ground"]

NOISE = 30.0  # largest amplitude of the ground's noise, of 255
MOST_FIELDS = 4
GAUDINESS = 0.4  # how much of it is colour
SUBPIXEL_BITS = 4
MOST_CORNERS = 5


def draw_ground(generator: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float32]:
    """Draw a ground: fields of different textures, noise at several scales, and clutter.

    It is float32 (height, width, 3), 0 to 255. The fields keep a ground from being one thing in
    itself, known by any piece of it.
    """
    height, width = size
    short = min(size)
    x = (np.arange(width, dtype=np.float32) * (2 / short) - 1)[None, :]
    y = (np.arange(height, dtype=np.float32) * (2 / short) - 1)[:, None]
    fields = int(generator.integers(1, MOST_FIELDS + 1))
    # Each pixel belongs to the nearest of some points, which may lie outside.
    points = generator.uniform(-1.2, 1.2, (fields, 2)) * (width / short, height / short)
    distances = [(x - across) ** 2 + (y - down) ** 2 for across, down in points]
    nearest = np.argmin(distances, axis=0)
    share = np.empty(size, np.float32)
    first, second = np.empty((2, fields, 3), np.float32)
    for field in range(fields):
        first[field], other = draw_colours(generator, 2)
        second[field] = first[field] + np.float32(generator.uniform(0.1, 0.8)) * (
            other - first[field]
        )
        np.copyto(share, 0.5 + 0.5 * pattern(generator, x, y), where=nearest == field)
    ground: NDArray[np.float32] = second.take(nearest, axis=0)
    ground += share[..., None] * (first - second).take(nearest, axis=0)
    ground += _noise(generator, size)
    ground = np.clip(ground, 0, 255, out=ground)
    strew(generator, ground, int(generator.integers(6, 16)))
    return ground


def _noise(generator: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float32]:
    """Draw noise at several scales, (height, width, 3)."""
    noise = np.zeros((*size, 3), np.float32)
    for cells in (3, 7, 16):
        grain = generator.standard_normal((cells, cells, 3), np.float32)
        # More light and dark than colour, as most of what the world is made of.
        grain += (1 - GAUDINESS) * (grain.mean(axis=2, keepdims=True) - grain)
        grain *= np.float32(generator.uniform(0, NOISE))
        noise += cv2.resize(grain, size[::-1], interpolation=cv2.INTER_CUBIC)
    return noise


def strew(generator: np.random.Generator, ground: NDArray[np.float32], count: int) -> None:
    """Draw small polygons, blobs and lines over a ground: parts of nothing."""
    height, width = ground.shape[:2]
    short = min(height, width)
    colours = draw_colours(generator, count).tolist()
    centres = generator.random((count, 2)) * (width, height)
    reaches = short * generator.uniform(0.04, 0.15, count)
    angles = generator.uniform(0, 2 * np.pi, (count, MOST_CORNERS))
    squeezed = generator.uniform(0.6, 1.2, (count, 2))
    corners = generator.integers(3, MOST_CORNERS + 1, count)
    kinds = generator.integers(3, size=count)
    for i in range(count):
        if kinds[i] == 0:
            rim = reaches[i] * _circle(np.sort(angles[i, : corners[i]]))
        elif kinds[i] == 1:
            rim = reaches[i] * squeezed[i] * BLOB
        else:
            rim = 2.5 * reaches[i] * _circle(angles[i, 0] + np.array([0, np.pi]))
        points = np.round((centres[i] + rim - 0.5) * 2**SUBPIXEL_BITS).astype(np.int32)
        if kinds[i] == 2:
            thickness = max(1, round(short / 40))
            cv2.polylines(
                ground, [points], False, colours[i], thickness, cv2.LINE_AA, SUBPIXEL_BITS
            )
        else:
            cv2.fillPoly(ground, [points], colours[i], cv2.LINE_AA, SUBPIXEL_BITS)


def _circle(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


BLOB = _circle(np.linspace(0, 2 * np.pi, 16, endpoint=False))
