"""Curves of several things that are compared, a panel for each question."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vitonnx.plots._axes import FONT, INK, PALE, axes_for, name_axes
from vitonnx.plots._letters import drawable
from vitonnx.plots._page import LABEL, Page

__all__ = ["CurvePanel", "plot_curve_panel", "plot_curves"]

PANEL = (2.7, 1.9)  # width and height of axes, in inches
NUMBERS, WORDS, BETWEEN = 0.55, 0.5, 0.35  # room left of axes, below them, and between two
STAGES = 0.75  # room below axes whose ticks are words
KEY, STROKE, ROW = 1.75, 0.3, 0.21  # of the key at the right: its width, a line in it, a row
COLUMNS = 2

COLOURS = [mpl.colormaps["tab10"](place)[:3] for place in (0, 1, 2, 3, 4, 6, 9, 5)]
# What is only there to be compared with: grey, each with dashes of its own.
DASHES = ((0, (4, 1.6)), (0, (1, 1.3)))


@dataclass(frozen=True, kw_only=True)
class CurvePanel:
    """One question, and a curve for each thing that is compared.

    Parameters
    ----------
    title, better : str
        What is shown, and which curves are the better ones, in words.
    across, down : str
        Labels of the axes, with their units.
    at : tuple of float
        Where the curves have their values, from left to right.
    curves : mapping of str to tuple of float
        By the names of what is compared.
    bounds : (low, high)
        Of the values.
    ticks : tuple of str
        Names of what is at each place; empty where places are numbers.
    bands : mapping of str to tuple of (low, high)
        How sure each value is, by name; empty where that isn't known.
    """

    title: str
    better: str
    across: str
    down: str
    at: tuple[float, ...]
    curves: Mapping[str, Sequence[float]]
    bounds: tuple[float, float] = (0.0, 100.0)
    ticks: tuple[str, ...] = ()
    bands: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)


def plot_curves(
    panels: Sequence[CurvePanel],
    *,
    title: str,
    details: Sequence[str] = (),
    note: str = "",
    muted: Collection[str] = (),
) -> Figure:
    """Draw panels of curves on a page, two in a row, with one key for all.

    It is a whole page and takes no `ax`; `plot_curve_panel` does. A panel whose places have names
    has a row of its own.

    Parameters
    ----------
    panels : sequence of CurvePanel
        All of them name what they compare alike; the first names all.
    title, details, note : str
        For the caption; the note is in red.
    muted : collection of str
        Names of what is only there to be compared with: drawn in grey.

    Examples
    --------
    >>> panel = CurvePanel(title="Deletion", better="lower is better", across="removed (%)",
    ...                    down="probability (%)", at=(0, 50, 100),
    ...                    curves={"rollout": (90, 40, 10), "random": (90, 60, 10)})
    >>> len(plot_curves([panel, panel], title="vit", muted=["random"]).axes)  # two lines in the key
    4
    """
    across, names = NUMBERS + PANEL[0] + BETWEEN, list(panels[0].curves)
    wide = min(COLUMNS, len(panels)) * across - BETWEEN
    rows = _rows(panels)
    heights = [2 * LABEL + PANEL[1] + (STAGES if row[0].ticks else WORDS) for row in rows]
    page = Page(
        wide + BETWEEN + KEY,
        max(sum(heights), 2 * LABEL + ROW * len(names)),
        title=title,
        details=list(details),
        note=note,
    )
    for row, top in zip(rows, (sum(heights[:place]) for place in range(len(rows))), strict=True):
        for place, panel in enumerate(row):
            left = place * across + NUMBERS
            room = wide - NUMBERS if panel.ticks else PANEL[0]
            page.text(left, top, panel.title, room=room, weight="bold")
            page.text(left, top + LABEL * 0.85, panel.better, room=room, size=7.5, colour=PALE)
            axes = page.axes(left, top + 2 * LABEL, room, PANEL[1])
            plot_curve_panel(panel, names=names, muted=muted, ax=axes, key=False)
    for place, name in enumerate(names):
        top = 2 * LABEL + place * ROW
        line = page.axes(wide + BETWEEN, top, STROKE, 0.12)
        line.set_axis_off()
        line.plot([0, 1], [0, 0], **_look(name, names, muted))
        page.text(wide + BETWEEN + STROKE + 0.1, top - 0.02, name, room=KEY - STROKE - 0.1, size=8)
    return page.figure


def plot_curve_panel(
    panel: CurvePanel,
    *,
    names: Sequence[str] | None = None,
    muted: Collection[str] = (),
    ax: Axes | None = None,
    key: bool = True,
) -> Figure:
    """Draw the curves of one panel.

    Parameters
    ----------
    panel : CurvePanel
    names : sequence of str, optional
        Names of all that is compared, whose places say which colour each has; by default those of
        the panel.
    muted : collection of str
        See `plot_curves`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own by default.
    key : bool
        Whether the axes say which curve is whose.
    """
    figure, axes = axes_for(ax, (PANEL[0] + NUMBERS, PANEL[1] + WORDS))
    names = list(panel.curves) if names is None else names
    for name, values in panel.curves.items():
        style = _look(name, names, muted)
        if name in panel.bands:
            lows, highs = zip(*panel.bands[name], strict=True)
            axes.fill_between(panel.at, lows, highs, color=style["color"], alpha=0.15, linewidth=0)
        axes.plot(panel.at, values, label=drawable(name), clip_on=False, **style)
    name_axes(axes, panel.across, panel.down)
    axes.set_xlim(panel.at[0], panel.at[-1])
    axes.set_ylim(*panel.bounds)
    if panel.bounds[0] < 0:
        axes.axhline(0, color=PALE, linewidth=0.7)
    if panel.ticks:
        axes.set_xticks(panel.at, panel.ticks, rotation=35, ha="right", rotation_mode="anchor")
    axes.grid(axis="y", color=PALE, alpha=0.15, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(PALE)
    if key:
        axes.legend(frameon=False, prop={"family": FONT, "size": 7}, labelcolor=INK)
    return figure


def _rows(panels: Sequence[CurvePanel]) -> list[list[CurvePanel]]:
    """Set panels two in a row, and those with names of places alone."""
    usual = [panel for panel in panels if not panel.ticks]
    pairs = [
        usual[place * COLUMNS : (place + 1) * COLUMNS]
        for place in range(math.ceil(len(usual) / COLUMNS))
    ]
    return [*pairs, *([panel] for panel in panels if panel.ticks)]


def _look(name: str, names: Sequence[str], muted: Collection[str]) -> dict[str, Any]:
    """Give the line of one thing that is compared."""
    grey = [each for each in names if each in muted]
    if name in grey:
        dashes = DASHES[grey.index(name) % len(DASHES)]
        return {"color": "#8a8a8a", "linewidth": 1.3, "linestyle": dashes, "zorder": 1.5}
    own = [each for each in names if each not in muted]
    place = own.index(name)
    # Beyond the colours that there are, they come again dashed.
    again = "-" if place < len(COLOURS) else "--"
    colour = COLOURS[place % len(COLOURS)]
    return {"color": colour, "linewidth": 1.6, "linestyle": again, "zorder": 2.5}
