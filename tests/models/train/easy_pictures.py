"""A data set that anything learns: the class is a colour, and nothing is in the way."""

from __future__ import annotations

import numpy as np

from vitonnx.data import LabelledPictures
from vitonnx.data._split import StoredSplit
from vitonnx.models.train import Settings

SIDE = 16
COLOURS = {"red": (220, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 220), "grey": (128,) * 3}

# One block of eight channels on a grid of four by four patches.
TINY = Settings(
    image_size=SIDE, patch=4, width=8, depth=1, heads=2, epochs=2, batch_size=8, learning_rate=0.01
)


def easy_pictures(train: int = 24, validation: int = 12, seed: int = 0) -> LabelledPictures:
    """Noise about a class's colour."""
    count = train + validation
    labels = np.arange(count) % len(COLOURS)
    colours = np.array(list(COLOURS.values()))[labels]
    noise = np.random.default_rng(seed).normal(0, 20, (count, SIDE, SIDE, 3))
    pictures = np.clip(colours[:, None, None] + noise, 0, 255).astype(np.uint8)
    rows = np.arange(count)
    return LabelledPictures(
        name="colours",
        classes=tuple(COLOURS),
        train=StoredSplit(pictures, labels, rows[:train]),
        validation=StoredSplit(pictures, labels, rows[train:]),
    )
