"""Where everything stands in a frame of a video of maps, in pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vitonnx.plots._legend import Line

__all__ = ["Label", "Panel", "VideoLayout", "lay_out"]

# What browsers and their hardware play everywhere: UHD. A single panel may be larger, as the video
# itself is; several are made smaller until they fit.
MOST_HEIGHT, MOST_WIDTH = 2160, 3840
SMALLEST_TEXT, TEXT = 10, 0.035  # in pixels, and as a share of the height of a tile
LINE = 1.7  # height of a label over that of its text
GAP = 1 / 128  # as a share of the height of a tile
WORDS, FEWEST = 11, 3  # width of a class in a legend over the height of text; how many in a line


class Panel(NamedTuple):
    """One of the groups of tiles that stand side by side.

    Parameters
    ----------
    title : str
        Above the group; empty for none.
    labels : tuple of str
        Above each of its tiles; a single empty one is a single tile without a label.
    legend : tuple of (words, colour)
        What colours mean, below the group.
    """

    title: str = ""
    labels: tuple[str, ...] = ("",)
    legend: tuple[Line, ...] = ()


class Label(NamedTuple):
    """A line of text, and the room it has, in pixels from the top left corner.

    Where the text explains a colour, a square of it stands before the text.
    """

    left: int
    top: int
    width: int
    text: str
    colour: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class VideoLayout:
    """Where everything stands.

    Parameters
    ----------
    size, tile : (height, width)
        Of the frame, and of each tile.
    places : tuple of tuple of (left, top)
        Of the tiles of each panel.
    labels : tuple of Label
        All texts.
    text : int
        Their height in pixels.
    """

    size: tuple[int, int]
    tile: tuple[int, int]
    places: tuple[tuple[tuple[int, int], ...], ...]
    labels: tuple[Label, ...]
    text: int


def lay_out(tile: tuple[int, int], panels: Sequence[Panel]) -> VideoLayout:
    """Place panels side by side, and the tiles of each in a block.

    Parameters
    ----------
    tile : (height, width)
        Of a tile, in pixels, where there is room: several are made smaller together until all of
        them fit into 3840 x 2160.
    panels : sequence of Panel
        From left to right.

    Returns
    -------
    VideoLayout

    Examples
    --------
    >>> one = lay_out((512, 896), [Panel()])
    >>> one.size, one.places
    ((512, 896), (((0, 0),),))
    >>> lay_out((512, 896), [Panel("original"), Panel("dino"), Panel("deit")]).size
    (543, 2696)
    """
    layout = _placed(tile, panels)
    if sum(len(panel.labels) for panel in panels) > 1:
        while layout.size[0] > MOST_HEIGHT or layout.size[1] > MOST_WIDTH:
            share = min(MOST_HEIGHT / layout.size[0], MOST_WIDTH / layout.size[1])
            # Texts and gaps shrink by whole pixels, so that it may take a second round.
            smaller = min(share, 1 - 1 / max(layout.tile))
            height, width = (max(1, math.floor(side * smaller)) for side in layout.tile)
            layout = _placed((height, width), panels)
    return layout


def _placed(tile: tuple[int, int], panels: Sequence[Panel]) -> VideoLayout:
    height, width = tile
    text = max(SMALLEST_TEXT, round(height * TEXT))
    line, gap = round(text * LINE), max(2, round(height * GAP))
    title_line = line if any(panel.title for panel in panels) else 0
    label_line = line if any(any(panel.labels) for panel in panels) else 0
    places, labels = [], []
    left = bottom = 0
    for panel in panels:
        rows = math.isqrt(len(panel.labels))
        columns = math.ceil(len(panel.labels) / rows)
        across, down = width + gap, label_line + height + gap
        corners = [
            (left + column * across, title_line + label_line + row * down)
            for row, column in (divmod(index, columns) for index in range(len(panel.labels)))
        ]
        places.append(tuple(corners))
        block = columns * across - gap
        labels.append(Label(left, 0, block, panel.title))
        labels += [
            Label(x, y - label_line, width, label)
            for (x, y), label in zip(corners, panel.labels, strict=True)
        ]
        below = max(y + height for _, y in corners)
        most = max(FEWEST, block // (WORDS * text))
        for first in range(0, len(panel.legend), most):
            of_line = panel.legend[first : first + most]
            cell = block // min(most, len(panel.legend))
            labels += [
                Label(left + number * cell, below + gap, cell, words, colour)
                for number, (words, colour) in enumerate(of_line)
            ]
            below += line
        left += block + gap
        bottom = max(bottom, below + gap * bool(panel.legend))
    return VideoLayout(
        size=(bottom, left - gap),
        tile=tile,
        places=tuple(places),
        labels=tuple(label for label in labels if label.text),
        text=text,
    )
