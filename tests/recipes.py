"""Recipes with padding and the like, and probe-ready files that have them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from PIL import Image

from vitonnx.manifest import Manifest, Preprocessing


def recipe(size: tuple[int, int], **others: Any) -> Preprocessing:
    """Give a recipe that squashes, but for what is said."""
    values: dict[str, Any] = {
        "resize": None,
        "crop": 1.0,
        "interpolation": "bilinear",
        "mean": (0.1, 0.5, 0.9),
        "std": (0.2, 0.3, 0.4),
    }
    return Preprocessing(size=size, **values | others)


def with_recipe(file: Path, target: Path, **changed: Any) -> Path:
    """Write a file whose recipe is another, but for mean and deviation."""
    model = onnx.load(file)
    (entry,) = (entry for entry in model.metadata_props if entry.key == "vitonnx.manifest")
    manifest = Manifest.from_json(entry.value)
    entry.value = replace(
        manifest, preprocessing=replace(manifest.preprocessing, **changed)
    ).to_json()
    onnx.save(model, target)
    return target


def unresizable(file: Path, target: Path) -> Path:
    """Write a file of which nobody knows how its positions are resampled, as of a tapped one."""
    model = onnx.load(file)
    (entry,) = (entry for entry in model.metadata_props if entry.key == "vitonnx.manifest")
    entry.value = replace(Manifest.from_json(entry.value), position_interpolation=None).to_json()
    onnx.save(model, target)
    return target


def slopes(height: int, width: int) -> Image.Image:
    """Draw a picture in which every place has a colour of its own, none of it black."""
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([y * 200 // height + 40, x * 200 // width + 40, (x + y) % 31 * 5 + 60], -1)
    return Image.fromarray(pixels.astype(np.uint8))
