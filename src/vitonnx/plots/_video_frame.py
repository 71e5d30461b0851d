"""Frames of a video of maps: the original and each model's maps, side by side and labelled."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from matplotlib import font_manager
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vitonnx.plots._axes import FONT
from vitonnx.plots._letters import drawable, runs
from vitonnx.plots._tile import MARK
from vitonnx.plots._video_colours import Key, VideoColours
from vitonnx.plots._video_layout import Label, Panel, lay_out
from vitonnx.probes import WHOLE, Crop

__all__ = ["VideoPainter"]

PAPER, INK = "#141414", "#f2f2f2"


class VideoPainter:
    """Draws the frames of one video, each like the others.

    Parameters
    ----------
    size : (height, width)
        Of the video's frames, in pixels.
    panels : sequence of Panel
        One for each model and probe, with a label for each of its maps.
    colours : VideoColours
        How maps are coloured.
    original : str or None
        Title of the frame itself, at the left of all maps; None leaves it out.
    queries : sequence of ((row, column) or None), optional
        For each panel the patch that its maps are asked from, which is framed.
    covers : sequence of (left, top, right, bottom), optional
        For each panel where its maps lie, in shares of the frame's sides; all of it by default.

    Attributes
    ----------
    size : (height, width)
        Of what is drawn.

    Examples
    --------
    >>> painter = VideoPainter((32, 48), [Panel()], VideoColours())
    >>> pixels = np.zeros((32, 48, 3), np.uint8)
    >>> from vitonnx.plots import Scale
    >>> painter.paint(pixels, [np.eye(2)[None]], [Scale(0, 1, False)]).shape
    (32, 48, 3)
    """

    def __init__(
        self,
        size: tuple[int, int],
        panels: Sequence[Panel],
        colours: VideoColours,
        *,
        original: str | None = None,
        queries: Sequence[tuple[int, int] | None] = (),
        covers: Sequence[Crop] = (),
    ) -> None:
        seen = [] if original is None else [Panel(original)]
        layout = lay_out(size, [*seen, *panels])
        self.size = layout.size
        self._colours = colours
        self._queries = queries or [None] * len(panels)
        self._covers = covers or [WHOLE] * len(panels)
        self._tile = layout.tile
        self._seen = layout.places[0][0] if seen else None
        self._places = layout.places[len(seen) :]
        self._page = _page(layout.size, layout.labels, layout.text)

    def paint(
        self,
        pixels: NDArray[np.uint8],
        maps: Sequence[NDArray[Any]],
        keys: Sequence[Key],
    ) -> NDArray[np.uint8]:
        """Draw one frame.

        Parameters
        ----------
        pixels : uint8 (height, width, 3)
            The video's frame.
        maps : sequence of (maps, rows, columns) or (maps, rows, columns, 4)
            For each panel its maps, as `VideoColours.draw` takes them.
        keys : sequence of (Scale, Legend or None)
            One for each panel.

        Returns
        -------
        uint8 (height, width, 3)
            Of the painter's size.
        """
        height, width = self._tile
        frame = Image.fromarray(pixels)
        if frame.size != (width, height):
            frame = frame.resize((width, height), Image.Resampling.BICUBIC)
        page = self._page.copy()
        if self._seen is not None:
            page.paste(frame, self._seen)
        for places, stack, key, query, cover in zip(
            self._places, maps, keys, self._queries, self._covers, strict=True
        ):
            for place, values in zip(places, stack, strict=True):
                drawn = self._colours.draw(frame, values, key, cover)
                if query is not None:
                    _mark(drawn, query, values.shape[:2], cover)
                page.paste(drawn, place)
        return np.asarray(page)


def _mark(tile: Image.Image, patch: tuple[int, int], grid: tuple[int, ...], cover: Crop) -> None:
    """Draw a frame round a patch."""
    (row, column), (rows, columns) = patch, grid
    left, top = cover[0] * tile.width, cover[1] * tile.height
    height = (cover[3] - cover[1]) * tile.height / rows
    width = (cover[2] - cover[0]) * tile.width / columns
    box = (
        left + column * width,
        top + row * height,
        left + (column + 1) * width - 1,
        top + (row + 1) * height - 1,
    )
    ImageDraw.Draw(tile).rectangle(box, outline=MARK, width=max(1, tile.height // 256))


def _page(size: tuple[int, int], labels: Sequence[Label], text: int) -> Image.Image:
    """Draw what is the same in all frames."""
    page = Image.new("RGB", size[::-1], PAPER)
    draw = ImageDraw.Draw(page)
    for label in labels:
        left, room = label.left + text / 2, label.width - float(text)
        if label.colour is not None:
            top = label.top + text // 3
            fill = tuple(round(255 * part) for part in label.colour)
            draw.rectangle((left, top, left + text - 1, top + text - 1), fill=fill)
            left, room = left + text * 1.5, room - text * 1.5
        # All fonts stand on one line, which is that of the usual one.
        above, below = _font(FONT, text).getmetrics()
        line = label.top + round(text * 0.85 + (above - below) / 2)
        for family, part in runs(_fitting(drawable(label.text), room, text)):
            draw.text((left, line), part, fill=INK, font=_font(family, text), anchor="ls")
            left += _font(family, text).getlength(part)
    return page


@cache
def _font(family: str, size: int) -> ImageFont.FreeTypeFont:
    file = font_manager.findfont(family)
    # Of several fonts in a file, Matplotlib since 3.11 says which.
    return ImageFont.truetype(file, size, index=getattr(file, "face_index", 0))


def _width(text: str, size: int) -> float:
    return sum(_font(family, size).getlength(part) for family, part in runs(text))


def _fitting(text: str, room: float, size: int) -> str:
    """Leave as little as possible out of the middle of a text that is too wide."""
    if _width(text, size) <= room:
        return text
    for kept in range(len(text) - 1, 0, -1):
        end = kept // 2
        shorter = f"{text[: kept - end]}…{text[len(text) - end :]}"
        if _width(shorter, size) <= room:
            return shorter
    return ""
