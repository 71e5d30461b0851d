"""Classes of patches: each patch in the colour of its class, with a legend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from vitonnx.plots._arrange import GROUP
from vitonnx.plots._entry import SheetEntry
from vitonnx.plots._legend import COLOURS, Legend
from vitonnx.plots._page import LABEL, Page
from vitonnx.plots._painter import Painter
from vitonnx.plots._scale import BAR_GREY
from vitonnx.plots._tile import LAID_OVER, draw_colours, without_padding
from vitonnx.probes import ClassMaps

__all__ = ["ClassesPainter"]

SWATCH, WORDS = 0.14, 1.75  # sides of a square of colour, and the room for words, in inches


@dataclass(frozen=True)
class ClassesPainter(Painter):
    """Draws the classes of patches; of several models, the last shows the legend of all."""

    legend: Legend
    alone: bool
    last: bool

    @classmethod
    def for_models(cls, models: Sequence[Sequence[SheetEntry]], *, alone: bool) -> Sequence[Self]:
        """Give each model its painter."""
        counted = []
        for entries in models:
            maps = [cast("ClassMaps", entry.maps) for entry in entries]
            shown = [np.asarray(each.values)[: None if alone else 1] for each in maps]
            insides = [entry.inside for entry in entries]
            counted.append((list(map(without_padding, shown, insides)), maps[0].classes))
        legends = Legend.of_models(counted)
        return [cls(legend, alone, last=legend is legends[-1]) for legend in legends]

    @property
    def room(self) -> float:
        """Room for the legend."""
        return GROUP + SWATCH + WORDS if self.last else 0.0

    @property
    def tall(self) -> float:
        """Height of the legend."""
        return LABEL * len(self.legend.lines())

    def words(self, maps: ClassMaps) -> list[str]:
        """Say for the caption what is shown."""
        main = maps.labels[:1] if len(maps.labels) > 1 and not self.alone else ()
        return [*main, *maps.details]

    def labels(self, maps: ClassMaps) -> Sequence[str]:
        """Name the maps."""
        return maps.labels

    def draw(self, axes: Axes, entry: SheetEntry, tile: int = 0) -> None:
        """Draw a map; classes are no numbers, and nothing lies between two of them."""
        ranks = self.legend.ranks(np.asarray(entry.maps.values[tile]))
        colours = np.dstack([COLOURS[ranks], np.full(ranks.shape, LAID_OVER)])
        draw_colours(axes, colours, entry.inside, over=entry.pixels, smooth=False)

    def draw_key(self, page: Page, left: float, top: float, height: float) -> None:
        """Draw the legend, in the colours as they look over a medium grey."""
        if not self.last:
            return
        lines = self.legend.lines()
        swatches = page.tile(left, top, SWATCH, LABEL * len(lines))
        swatches.set(xlim=(0, SWATCH), ylim=(LABEL * len(lines), 0))
        for row, (words, colour) in enumerate(lines):
            seen = LAID_OVER * np.array(colour) + (1 - LAID_OVER) * BAR_GREY
            swatches.add_patch(Rectangle((0, row * LABEL), SWATCH, SWATCH, color=seen))
            page.text(left + 1.5 * SWATCH, top + row * LABEL, words, room=WORDS - SWATCH / 2)
