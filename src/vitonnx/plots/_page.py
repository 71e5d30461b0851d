"""A figure measured in inches from its top left corner, as a page of a paper is laid out."""

from __future__ import annotations

from bisect import bisect_right

from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from vitonnx.plots._axes import INK, PALE, draw_bar, style_ticks
from vitonnx.plots._figure import ShownFigure
from vitonnx.plots._letters import Weight, drawable, font_for
from vitonnx.plots._scale import Scale

__all__ = ["Page"]

WARNING = "#b3261e"
MARGIN = 0.15
LABEL = 0.2  # height of a line of text above a tile
LINE = 0.18  # height of a line below the title
TITLE = 0.24  # height of the title itself
SPACE = 0.1  # between the caption and what is below
BAR_WIDTH, BAR_ROOM = 0.12, 0.85  # of the colour bar, without and with its numbers
WHOLE_PIXELS = 1.07  # how much wider text may be where letters begin at whole pixels


class Page:
    """A white page with a caption at its top.

    Parameters
    ----------
    width, height : float
        Of what is below the caption, in inches, without the margins.
    title : str
        In bold letters.
    details : sequence of str
        In the lines below the title, as many as they need.
    note : str
        In a line of its own, in red; empty for none.
    """

    def __init__(
        self, width: float, height: float, *, title: str, details: list[str], note: str
    ) -> None:
        lines = _lines(details, width)
        title_height = TITLE if title else 0.0
        caption = title_height + LINE * (len(lines) + bool(note))
        caption += SPACE if caption else 0.0
        self._left, self._top = MARGIN, MARGIN + caption
        self._width, self._height = width + 2 * MARGIN, height + caption + 2 * MARGIN
        size = (self._width, self._height)
        self.figure = ShownFigure(figsize=size, dpi=150, facecolor="white")
        if title:
            self.text(0, -caption, title, size=11, room=width, weight="bold")
        for number, line in enumerate(lines):
            self.text(0, title_height - caption + number * LINE, line, room=width, colour=PALE)
        if note:
            self.text(0, -LINE - SPACE, note, room=width, colour=WARNING)

    def tile(self, left: float, top: float, width: float, height: float, label: str = "") -> Axes:
        """Give axes without frame and ticks below the caption, with a label above them."""
        axes = self.axes(left, top, width, height)
        axes.set_axis_off()
        if label:
            self.text(left, top - LABEL, label, room=width)
        return axes

    def text(
        self,
        left: float,
        top: float,
        text: str,
        *,
        room: float,
        size: float = 8.5,
        weight: Weight = "normal",
        colour: str = INK,
    ) -> None:
        """Write one line; what doesn't fit into the room is left out of its middle."""
        text = drawable(text)
        font = font_for(text, size=size, weight=weight)
        self.figure.text(
            (self._left + left) / self._width,
            1 - (self._top + top) / self._height,
            _fitting(text, room, font),
            fontproperties=font,
            color=colour,
            va="top",
            parse_math=False,
        )

    def colour_bar(self, left: float, top: float, height: float, scale: Scale, unit: str) -> None:
        """Draw the scale's colours with their values."""
        axes = self.axes(left, top, BAR_WIDTH, height)
        draw_bar(axes, scale, unit)

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Give axes with ticks, whose numbers stand outside."""
        axes = self.figure.add_axes(
            (
                (self._left + left) / self._width,
                1 - (self._top + top + height) / self._height,
                width / self._width,
                height / self._height,
            )
        )
        style_ticks(axes)
        return axes


def _lines(details: list[str], width: float) -> list[str]:
    """Set details side by side, as many in a line as its width has room for."""
    letters = [drawable(detail) for detail in details if detail]
    font, lines = font_for("".join(letters), size=8.5), [""]
    for detail in letters:
        longer = f"{lines[-1]}  ·  {detail}" if lines[-1] else detail
        if lines[-1] and _width(longer, font) > width:
            lines.append(detail)
        else:
            lines[-1] = longer
    return [line for line in lines if line]


def _fitting(text: str, room: float, font: FontProperties) -> str:
    """Leave as little as possible out of the middle of a text that is too wide."""
    if _width(text, font) <= room:
        return text
    too_many = bisect_right(
        range(len(text)), room, key=lambda kept: _width(_shortened(text, kept), font)
    )
    return _shortened(text, too_many - 1)


def _shortened(text: str, kept: int) -> str:
    """Keep so many letters, half of them from the end."""
    end = kept // 2
    return f"{text[: kept - end]}…{text[len(text) - end :]}"


def _width(text: str, font: FontProperties) -> float:
    """In inches, at the widest."""
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return width * WHOLE_PIXELS / 72
