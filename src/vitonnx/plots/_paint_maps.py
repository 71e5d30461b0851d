"""Maps: numbers in the colours of one scale, with a bar that says which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, cast

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from vitonnx.plots._arrange import GROUP
from vitonnx.plots._entry import SheetEntry
from vitonnx.plots._page import BAR_ROOM, Page
from vitonnx.plots._painter import Painter
from vitonnx.plots._scale import Scale
from vitonnx.plots._tile import draw_map, mark_patch, outline_patches, without_padding
from vitonnx.probes import WHOLE, Crop, Maps

__all__ = ["MapsPainter", "describe", "scale_of"]


@dataclass(frozen=True)
class MapsPainter(Painter):
    """Draws maps in the colours of a scale: of each model its own, as models differ in patches."""

    scale: Scale
    unit: str
    alone: bool

    @classmethod
    def for_models(cls, models: Sequence[Sequence[SheetEntry]], *, alone: bool) -> Sequence[Self]:
        """Give each model its painter."""
        painters = []
        for entries in models:
            maps = [cast("Maps", entry.maps) for entry in entries]
            shown = [
                _parts(each) if alone or each.alike else np.asarray(each.values)[:1]
                for each in maps
            ]
            insides = [entry.inside for entry in entries]
            painters.append(cls(_scale(maps[0], shown, insides), maps[0].unit, alone))
        return painters

    @property
    def room(self) -> float:
        """Room for the colour bar."""
        return GROUP + BAR_ROOM

    def words(self, maps: Maps) -> list[str]:
        """Say for the caption what is shown."""
        return describe(maps, alone=self.alone)

    def labels(self, maps: Maps) -> Sequence[str]:
        """Name the main map and its parts."""
        return maps.labels

    def sheet_labels(self, maps: Maps) -> Sequence[str]:
        """Name all maps that are alike; else the first needs no name."""
        return maps.labels if maps.alike else ("",)

    def draw(self, axes: Axes, entry: SheetEntry, tile: int = 0) -> None:
        """Draw the main map, or a part."""
        maps = cast("Maps", entry.maps)
        draw_map(axes, entry.pixels, np.asarray(maps.values[tile]), self.scale, entry.inside)
        if maps.masks is not None and (self.alone or len(maps.values) == 1):
            outline_patches(axes, np.asarray(maps.masks[tile]))
        if maps.mark is not None:
            mark_patch(axes, maps.mark)

    def draw_seen(self, axes: Axes, entry: SheetEntry) -> None:
        """Draw the pixels that the model saw, and the patch that was asked."""
        super().draw_seen(axes, entry)
        mark = cast("Maps", entry.maps).mark
        if mark is not None:
            mark_patch(axes, mark)

    def draw_key(self, page: Page, left: float, top: float, height: float) -> None:
        """Draw the colour bar."""
        page.colour_bar(left, top, height, self.scale, self.unit)


def describe(maps: Maps, *, alone: bool) -> list[str]:
    """Say in words what is shown: of a picture alone all maps and outlines, else the main map."""
    if alone:
        return [*maps.details, maps.outlined and f"outlined: {maps.outlined}"]
    main: Sequence[str] = maps.labels[:1] if len(maps.labels) > 1 and not maps.alike else ()
    return [*main, *maps.details]


def scale_of(maps: Maps, inside: Crop = WHOLE) -> Scale:
    """Make the scale of one picture's maps: that of its parts; padding doesn't count.

    Examples
    --------
    >>> values = np.array([[[0.25, 0.5]]], np.float32)
    >>> scale_of(Maps(values=values, labels=("rollout",), unit="weight", from_zero=False))
    Scale(low=0.25, high=0.4987500011920929, clipped=True)
    """
    return _scale(maps, [_parts(maps)], [inside])


def _parts(maps: Maps) -> NDArray[np.float32]:
    """Give the parts of maps, or, where there are none, the one map: (parts, rows, columns)."""
    values = np.asarray(maps.values)
    return values[1:] if len(values) > 1 and not maps.alike else values


def _scale(maps: Maps, values: list[NDArray[np.float32]], insides: list[Crop]) -> Scale:
    """Make one scale for arrays of one kind of maps, without their padding.

    Attention begins at 0; where `Maps.from_zero` says otherwise, at the lowest value.
    """
    shown = map(without_padding, values, insides)
    flat = np.concatenate([each.ravel() for each in shown])
    return Scale.over(flat, low=0.0 if maps.from_zero else float(flat.min()))
