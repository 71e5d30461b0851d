"""The three pictures of a table of blocks and heads that papers show."""

from __future__ import annotations

import math
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vitonnx.errors import UsageError
from vitonnx.plots._axes import FONT, INK, PALE, axes_for, key_beside, name_axes
from vitonnx.probes import Table

__all__ = [
    "chosen_blocks",
    "highest_of",
    "plot_first_and_last_head",
    "plot_table_by_block",
    "plot_table_by_head",
]

SIZE = (4.4, 3.0)  # of a figure with one picture, in inches
MOST_TICKS = 12
FAN = 0.62  # of a block's width, over which its sorted heads are spread
FIRST, LAST, OTHERS = "#3b528b", "#d1495b", "#c4c4c4"
FAINTEST = 0.85  # of the colours of blocks; what lies above is too faint on white


def plot_table_by_block(table: Table, *, ax: Axes | None = None) -> Figure:
    """Draw every head of every block as a point: its value against its block.

    The heads of a block stand beside each other, sorted by value; the colour says which head
    it is. A thin bar is one standard deviation over the pictures to both sides.

    Parameters
    ----------
    table : Table
        Of a picture, or averaged over many.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own by default.

    References
    ----------
    Dosovitskiy et al. 2021, arXiv:2010.11929, Fig. 7 right. Raghu et al. 2021, arXiv:2108.08810,
    Fig. 3.

    Examples
    --------
    >>> table = Table(values=np.full((12, 6), 70.0), unit="distance (pixels)", title="Distance")
    >>> figure = plot_table_by_block(table)
    >>> figure.axes[0].get_ylabel()
    'distance (pixels)'
    """
    figure, axes = axes_for(ax, SIZE)
    mean, std = _moments(table)
    blocks, heads = mean.shape
    order = mean.argsort(axis=1, kind="stable")
    fan = (np.arange(heads) + 0.5) / heads - 0.5
    x = np.arange(blocks)[:, None] + FAN * fan[None, :]
    y, spread = (np.take_along_axis(values, order, axis=1) for values in (mean, std))
    # One axis each: of two, NumPy before 2.4 warns where Matplotlib looks for a finite number.
    x, y, spread, order = (np.ravel(values) for values in (x, y, spread, order))
    axes.vlines(x, y - spread, y + spread, color=PALE, alpha=0.35, linewidth=0.7)
    colours = mpl.colormaps["viridis"].resampled(heads)
    norm = BoundaryNorm(np.arange(heads + 1) - 0.5, heads)
    points = axes.scatter(
        x, y, c=order, cmap=colours, norm=norm, s=9, linewidth=0.3, edgecolor="white", zorder=2
    )
    _label(axes, mean + std, "block", blocks, table.unit)
    key = key_beside(axes)
    bar = figure.colorbar(points, cax=key, ticks=_ticks(heads))
    bar.outline.set_visible(False)
    bar.minorticks_off()
    key.set_ylabel("head", fontfamily=FONT, fontsize=8, color=INK)
    return figure


def plot_first_and_last_head(table: Table, *, ax: Axes | None = None) -> Figure:
    """Draw the first and the last head as lines over the blocks, above the points of all heads.

    The bands are one standard deviation over the pictures to both sides. Heads have no order: the
    lines show how little the number of a head says.

    Parameters
    ----------
    table : Table
        Of a picture, or averaged over many.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own by default.

    Examples
    --------
    >>> table = Table(values=np.full((12, 6), 70.0), unit="distance (pixels)", title="Distance")
    >>> figure = plot_first_and_last_head(table)
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['head 0', 'head 5']
    """
    figure, axes = axes_for(ax, SIZE)
    mean, std = _moments(table)
    blocks, heads = mean.shape
    place = np.arange(blocks)
    axes.scatter(np.repeat(place, heads), mean.ravel(), s=7, color=OTHERS, linewidth=0)
    for head, colour in {0: FIRST, heads - 1: LAST}.items():
        y, spread = mean[:, head], std[:, head]
        axes.fill_between(place, y - spread, y + spread, color=colour, alpha=0.2, linewidth=0)
        axes.plot(place, y, color=colour, linewidth=1.4, label=f"head {head}")
    _label(axes, mean + std, "block", blocks, table.unit)
    _legend(axes)
    return figure


def plot_table_by_head(
    table: Table, *, blocks: Sequence[int] | None = None, ax: Axes | None = None
) -> Figure:
    """Draw the heads of a few blocks, head by head.

    Parameters
    ----------
    table : Table
        Of a picture, or averaged over many.
    blocks : sequence of int, optional
        Which; -1 is the last. The first two and the last two by default.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own by default.

    Raises
    ------
    UsageError
        If there is no such block.

    Examples
    --------
    >>> table = Table(values=np.full((12, 6), 70.0), unit="distance (pixels)", title="Distance")
    >>> figure = plot_table_by_head(table, blocks=[3, -1])
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['block 3', 'block 11']
    """
    figure, axes = axes_for(ax, SIZE)
    mean, std = _moments(table)
    depth, heads = mean.shape
    chosen = chosen_blocks(blocks, depth)
    colours = mpl.colormaps["plasma"](np.linspace(0, FAINTEST, len(chosen)))
    place = np.arange(heads)
    for block, colour in zip(chosen, colours, strict=True):
        y, spread = mean[block], std[block]
        axes.fill_between(place, y - spread, y + spread, color=colour, alpha=0.15, linewidth=0)
        axes.plot(
            place, y, color=colour, linewidth=1.2, marker="o", markersize=3, label=f"block {block}"
        )
    _label(axes, mean + std, "head", heads, table.unit)
    _legend(axes)
    return figure


def highest_of(table: Table) -> float:
    """Give the highest value that a picture shows, with its deviation."""
    values, std = _moments(table)
    return float(np.nanmax(values + std, initial=1e-9))


def _moments(table: Table) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the values, and how much they deviate: by nothing in a single picture."""
    values = np.asarray(table.values)
    return values, np.zeros_like(values) if table.std is None else np.asarray(table.std)


def chosen_blocks(blocks: Sequence[int] | None, depth: int) -> list[int]:
    """Count blocks from the front; without any, give the first two and the last two.

    Examples
    --------
    >>> chosen_blocks(None, 12), chosen_blocks(None, 3), chosen_blocks([5, -1, 11], 12)
    ([0, 1, 10, 11], [0, 1, 2], [5, 11])
    """
    wanted = [0, 1, depth - 2, depth - 1] if blocks is None else blocks
    if blocks is None:
        wanted = [block for block in wanted if 0 <= block < depth]
    for block in wanted:
        if block not in range(-depth, depth):
            raise UsageError(
                f"there is no block {block}; the model has blocks 0 to {depth - 1}, or, counted "
                f"from the end, {-depth} to -1."
            )
    return list(dict.fromkeys(block % depth for block in wanted))


def _label(axes: Axes, highest: NDArray[np.float64], what: str, count: int, unit: str) -> None:
    """Name the axes, and let the values begin at 0."""
    name_axes(axes, what, unit)
    axes.set_xlim(-0.6, count - 0.4)
    axes.set_ylim(0, 1.05 * float(np.nanmax(highest, initial=1e-9)))
    axes.set_xticks(_ticks(count))
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(PALE)


def _ticks(count: int) -> range:
    """Choose some of so many numbers, at even steps."""
    return range(0, count, math.ceil(count / MOST_TICKS))


def _legend(axes: Axes) -> None:
    """Put the legend to the right, where it hides nothing."""
    axes.legend(
        prop={"family": FONT, "size": 7.5},
        labelcolor=INK,
        frameon=False,
        handlelength=0.9,
        handletextpad=0.4,
        borderaxespad=0.2,
        loc="upper left",
        bbox_to_anchor=(1, 1),
    )
