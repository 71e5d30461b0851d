"""Colours of patches: by themselves, and over the picture in grey."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, cast

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from vitonnx.plots._entry import SheetEntry
from vitonnx.plots._painter import Painter
from vitonnx.plots._tile import LAID_OVER, draw_colours, draw_picture
from vitonnx.probes import ColourMaps

__all__ = ["ColoursPainter", "colours_of"]

STEEPNESS = 2


@dataclass(frozen=True)
class ColoursPainter(Painter):
    """Draws the colours of patches, which mean the same in all pictures and need no key."""

    alone: bool
    several: bool

    @classmethod
    def for_models(cls, models: Sequence[Sequence[SheetEntry]], *, alone: bool) -> Sequence[Self]:
        """Give each model its painter."""
        return [cls(alone, several=len(models) > 1)] * len(models)

    def words(self, maps: ColourMaps) -> list[str]:
        """Say for the caption what is shown."""
        label = [] if self.alone else [maps.label]
        whose = " of a model" if self.several else ""
        return [*label, *maps.details, f"a colour means the same in all pictures{whose}"]

    def labels(self, maps: ColourMaps) -> Sequence[str]:
        """Name both tiles."""
        return maps.label, "over what the model saw"

    def draw(self, axes: Axes, entry: SheetEntry, tile: int = 0) -> None:
        """Draw the colours on black, or over the picture."""
        colours = colours_of(cast("ColourMaps", entry.maps))
        if tile == 0:
            draw_colours(axes, colours[..., :3] * colours[..., 3:], entry.inside)
        else:
            colours[..., 3] *= LAID_OVER
            draw_colours(axes, colours, entry.inside, over=entry.pixels)

    def draw_seen(self, axes: Axes, entry: SheetEntry) -> None:
        """Draw the pixels that the model saw."""
        draw_picture(axes, entry.pixels, entry.maps.values.shape[:2], entry.inside)


def colours_of(maps: ColourMaps) -> NDArray[np.float32]:
    """Give each patch its colour, and whether it has one: float32 (rows, columns, 4), 0 to 1.

    It is that of DINOv3's notebook: the logistic function of twice the value, where the values'
    standard deviation over all pictures is 1. So it depends on no other patch.

    References
    ----------
    Siméoni et al. 2025, arXiv:2508.10104; ``notebooks/pca.ipynb`` in facebookresearch/dinov3.

    Examples
    --------
    >>> spread = np.array([1.0, 2.0, 4.0])
    >>> values = spread * np.log(3)
    >>> colours_of(ColourMaps(values=values[None, None], spread=spread, label="")).round(3)
    array([[[0.9, 0.9, 0.9, 1. ]]], dtype=float32)
    """
    values = np.asarray(maps.values, np.float64)
    spread = np.asarray(maps.spread, np.float64)
    # The logistic function in a form that overflows nowhere.
    colours = 0.5 + 0.5 * np.tanh(STEEPNESS / 2 * values / np.where(spread > 0, spread, 1))
    shown = np.ones(values.shape[:2]) if maps.shown is None else np.asarray(maps.shown)
    return np.dstack([colours, shown]).astype(np.float32)
