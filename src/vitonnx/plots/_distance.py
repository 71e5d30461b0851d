"""The three pictures of mean attention distance that papers show."""

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
from vitonnx.probes import Summary

__all__ = [
    "chosen_blocks",
    "plot_distance_by_block",
    "plot_distance_by_head",
    "plot_first_and_last_head",
]

SIZE = (4.4, 3.0)  # of a figure with one picture, in inches
MOST_TICKS = 12
FAN = 0.62  # of a block's width, over which its sorted heads are spread
UNIT = "mean attention distance (pixels)"
FIRST, LAST, OTHERS = "#3b528b", "#d1495b", "#c4c4c4"
FAINTEST = 0.85  # of the colours of blocks; what lies above is too faint on white


def plot_distance_by_block(total: Summary, *, ax: Axes | None = None) -> Figure:
    """Draw every head of every block as a point: how far it looks, against its block.

    The heads of a block stand beside each other, sorted by distance; the colour says which head
    it is. A thin bar is one standard deviation over the pictures to both sides.

    Parameters
    ----------
    total : Summary
        Its mean and standard deviation are (blocks, heads), in pixels.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own by default.

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot, or that of `ax`.

    References
    ----------
    Dosovitskiy et al. 2021, arXiv:2010.11929, Fig. 7 right. Raghu et al. 2021, arXiv:2108.08810,
    Fig. 3.

    Examples
    --------
    >>> from vitonnx.probes import Distance, DistanceResult
    >>> result = DistanceResult(distance=np.full((12, 6), 70.0))
    >>> figure = plot_distance_by_block(Distance().summary([result]))
    >>> figure.axes[0].get_ylabel()
    'mean attention distance (pixels)'
    """
    figure, axes = axes_for(ax, SIZE)
    mean, std = np.asarray(total.mean), np.asarray(total.std)
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
    _label(axes, mean + std, "block", blocks)
    key = key_beside(axes)
    bar = figure.colorbar(points, cax=key, ticks=_ticks(heads))
    bar.outline.set_visible(False)
    bar.minorticks_off()
    key.set_ylabel("head", fontfamily=FONT, fontsize=8, color=INK)
    return figure


def plot_first_and_last_head(total: Summary, *, ax: Axes | None = None) -> Figure:
    """Draw the first and the last head as lines over the blocks, above the points of all heads.

    The bands are one standard deviation over the pictures to both sides. Heads have no order: the
    lines show how little the number of a head says.

    Parameters
    ----------
    total : Summary
        Its mean and standard deviation are (blocks, heads), in pixels.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own by default.

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot, or that of `ax`.

    Examples
    --------
    >>> from vitonnx.probes import Distance, DistanceResult
    >>> result = DistanceResult(distance=np.full((12, 6), 70.0))
    >>> figure = plot_first_and_last_head(Distance().summary([result]))
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['head 0', 'head 5']
    """
    figure, axes = axes_for(ax, SIZE)
    mean, std = np.asarray(total.mean), np.asarray(total.std)
    blocks, heads = mean.shape
    place = np.arange(blocks)
    axes.scatter(np.repeat(place, heads), mean.ravel(), s=7, color=OTHERS, linewidth=0)
    for head, colour in {0: FIRST, heads - 1: LAST}.items():
        y, spread = mean[:, head], std[:, head]
        axes.fill_between(place, y - spread, y + spread, color=colour, alpha=0.2, linewidth=0)
        axes.plot(place, y, color=colour, linewidth=1.4, label=f"head {head}")
    _label(axes, mean + std, "block", blocks)
    _legend(axes)
    return figure


def plot_distance_by_head(
    total: Summary, *, blocks: Sequence[int] | None = None, ax: Axes | None = None
) -> Figure:
    """Draw how far each head of a few blocks looks.

    Parameters
    ----------
    total : Summary
        Its mean and standard deviation are (blocks, heads), in pixels.
    blocks : sequence of int, optional
        Which; -1 is the last. The first two and the last two by default.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own by default.

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot, or that of `ax`.

    Raises
    ------
    UsageError
        If there is no such block.

    Examples
    --------
    >>> from vitonnx.probes import Distance, DistanceResult
    >>> result = DistanceResult(distance=np.full((12, 6), 70.0))
    >>> figure = plot_distance_by_head(Distance().summary([result]), blocks=[3, -1])
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['block 3', 'block 11']
    """
    figure, axes = axes_for(ax, SIZE)
    mean, std = np.asarray(total.mean), np.asarray(total.std)
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
    _label(axes, mean + std, "head", heads)
    _legend(axes)
    return figure


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


def _label(axes: Axes, highest: NDArray[np.float64], what: str, count: int) -> None:
    """Name the axes, and let the distance begin at 0."""
    name_axes(axes, what, UNIT)
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
