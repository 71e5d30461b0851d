"""What a page must know to draw findings of any shape that lies on pictures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Self

from matplotlib.axes import Axes

from vitonnx.plots._entry import SheetEntry
from vitonnx.plots._page import Page
from vitonnx.plots._tile import draw_picture

__all__ = ["Painter"]


class Painter(ABC):
    """Draws findings of one shape and one model, all in the same colours.

    What its pictures hold is of its shape: `painters_for` gives each shape its painter.
    """

    @property
    def room(self) -> float:
        """Room for the key of the colours, right of all tiles, in inches; 0 where there is none."""
        return 0.0

    @property
    def tall(self) -> float:
        """The least height that the key needs."""
        return 0.0

    @classmethod
    @abstractmethod
    def for_models(cls, models: Sequence[Sequence[SheetEntry]], *, alone: bool) -> Sequence[Self]:
        """Give each model of a figure its painter.

        Parameters
        ----------
        models : sequence of sequence of SheetEntry
            The pictures of each.
        alone : bool
            Whether all tiles of a picture are drawn; else the first stands for all.
        """

    @abstractmethod
    def words(self, maps: Any) -> list[str]:
        """Say for the caption what is shown."""

    def common_words(self, entries: Sequence[SheetEntry]) -> list[str]:
        """Say for the caption what is shown of all pictures, and not of one alone."""
        (first, *others) = [self.words(entry.maps) for entry in entries]
        return [word for word in first if all(word in words for words in others)]

    @abstractmethod
    def labels(self, maps: Any) -> Sequence[str]:
        """Name the tiles of a picture that is drawn alone."""

    def sheet_labels(self, maps: Any) -> Sequence[str]:
        """Name the tiles of a picture among others: by default one, which needs no name."""
        return ("",)

    @abstractmethod
    def draw(self, axes: Axes, entry: SheetEntry, tile: int = 0) -> None:
        """Draw one of these tiles."""

    def draw_seen(self, axes: Axes, entry: SheetEntry) -> None:
        """Draw the pixels that the model saw."""
        draw_picture(axes, entry.pixels, entry.maps.values.shape[-2:], entry.inside)

    def draw_key(self, page: Page, left: float, top: float, height: float) -> None:  # noqa: B027
        """Say what the colours mean; nothing, where the caption does."""
