"""What lies in the folder where files are read: a model, and pictures."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image

from tap.foreign_vit import ForeignViT
from vitonnx.tap import tap

__all__ = ["FOREIGN", "MODEL", "PICTURES", "RUN", "WAITS", "lay_out"]

FOREIGN, MODEL = "foreign.onnx", "model.onnx"
PICTURES = ("bird.png", "cat.png", "walk 2.png")
WAITS = "waits.ts"  # a pipe that nobody writes to
# What a run of these says of itself, but for hashes, which depend on where the folder is.
RUN: dict[str, str | int] = {"the probe": "Distance()", "the number of pictures": len(PICTURES)}


def lay_out(desk: Path) -> Path:
    """Fill a folder; the same things in each."""
    desk.mkdir(exist_ok=True)
    noise = np.random.default_rng(7).integers(0, 256, (3, 29, 43, 3), np.uint8)
    for name, pixels in zip(PICTURES, noise, strict=True):
        Image.fromarray(pixels).save(desk / name)
    drawn = ForeignViT(dim=12, mlp_dim=13, heads=3)
    (desk / FOREIGN).write_bytes(drawn.model().SerializeToString())
    if not (desk / WAITS).exists():
        os.mkfifo(desk / WAITS)
    tap(desk / FOREIGN, desk / MODEL, preprocess="half")
    return desk
