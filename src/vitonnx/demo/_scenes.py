"""Seeds of the scenes for each purpose: no two families share one."""

from __future__ import annotations

from typing import Final

from vitonnx.data.scenes import Scene, draw_scene

__all__ = ["ALBUM", "KNOWN", "PICTURES", "UNSEEN", "VIDEO", "draw"]

# `vitonnx train scenes` draws with (its seed, 0, epoch, index) for training and with (its seed,
# 1, 0, index) for validation: whatever its seed was, these have a second number of their own.
UNSEEN: Final = 2
"""Scenes to measure the models on, which no training has seen."""

KNOWN: Final = 3
"""Scenes whose labels the nearest neighbours know."""

PICTURES: Final = 4
"""Scenes to look at."""

ALBUM: Final = 5
"""Scenes to measure distances on."""

VIDEO: Final = 6
"""The video."""


def draw(family: int, index: int, size: tuple[int, int], objects: int | None = None) -> Scene:
    """Draw a scene of one of the families above by its index, with 1 to 3 objects or as drawn."""
    return draw_scene((0, family, 0, index), size=size, objects=objects)
