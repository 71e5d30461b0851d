"""The visitors' pictures: all different, of many sizes, as JPEG and as PNG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from vitonnx.data.scenes import draw_scene

__all__ = ["make_album"]

SIDES = (150, 520)  # pixels
PHOTOGRAPH = (3000, 4000)  # what a phone takes; one picture in so many is as large
RARELY = 20


def make_album(folder: Path, count: int) -> list[Path]:
    """Draw pictures, each from its own number: scenes as JPEG, and coloured clouds as PNG."""
    return [
        _scene(folder, number) if number % 2 else _clouds(folder, number) for number in range(count)
    ]


def _scene(folder: Path, number: int) -> Path:
    picture = Image.fromarray(draw_scene(number, _size(number)).picture)
    if number % RARELY == 1:
        picture = picture.resize(PHOTOGRAPH[::-1], Image.Resampling.BICUBIC)
    file = folder / f"scene {number:03d}.jpg"
    picture.save(file, quality=90)
    return file


def _clouds(folder: Path, number: int) -> Path:
    height, width = _size(number)
    grains = np.random.default_rng(number).integers(0, 256, (11, 13, 3), np.uint8)
    file = folder / f"clouds {number:03d}.png"
    Image.fromarray(grains).resize((width, height), Image.Resampling.BICUBIC).save(file)
    return file


def _size(number: int) -> tuple[int, int]:
    height, width = np.random.default_rng([number, 1]).integers(*SIDES, 2)
    return int(height), int(width)
