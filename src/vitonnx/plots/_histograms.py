"""Histograms of many values: one model, or several side by side."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vitonnx.plots._axes import FONT, INK, PALE, axes_for, name_axes
from vitonnx.plots._page import LABEL, Page
from vitonnx.probes import Histogram

__all__ = ["plot_histogram", "plot_histograms"]

PANEL = (3.8, 2.6)  # width and height of one model's axes, in inches
NUMBERS, WORDS, BETWEEN = 0.6, 0.5, 0.3  # room left of axes, below them, and between two models
LINES, LETTERS = 2 * LABEL, 62  # of the words about the threshold, above the axes
BARS, MARK = "#3b528b", "#d1495b"


def plot_histograms(histograms: Mapping[str, Histogram], *, note: str = "") -> Figure:
    """Draw histograms, several models side by side.

    Models count alike: their axes share the counts, on a logarithmic scale, so that few values far
    from the others are seen. Each has its own values. It is a whole page and takes no `ax`;
    `plot_histogram` does.

    Parameters
    ----------
    histograms : mapping of str to Histogram
        Findings of one probe, by the models' names.
    note : str
        A line in red below the caption, such as "untrained: random weights".

    Examples
    --------
    >>> counts, edges = np.histogram(np.linspace(0, 1, 99), 7)
    >>> found = Histogram(counts=counts, edges=edges, unit="norm", title="Norms of tokens")
    >>> len(plot_histograms({"dino": found, "deit": found}).axes)
    2
    """
    several, first = len(histograms) > 1, next(iter(histograms.values()))
    marked = any(each.threshold is not None for each in histograms.values())
    across, top = NUMBERS + PANEL[0] + BETWEEN, LABEL * several + LINES * marked
    highest = max(float(np.max(each.counts)) for each in histograms.values())
    page = Page(
        len(histograms) * across - BETWEEN,
        top + PANEL[1] + WORDS,
        title=first.title if several else next(iter(histograms)),
        details=[*([] if several else [first.title]), *first.details],
        note=note,
    )
    for number, (model, histogram) in enumerate(histograms.items()):
        left = number * across + NUMBERS
        if several:
            page.text(left, 0, model, room=PANEL[0], weight="bold")
        axes = page.axes(left, top, *PANEL)
        plot_histogram(histogram, ax=axes)
        axes.set_ylim(top=2 * max(highest, 1))
    return page.figure


def plot_histogram(histogram: Histogram, *, ax: Axes | None = None) -> Figure:
    """Draw how often values lie in each bin, on a logarithmic scale, and which are beyond a line.

    Parameters
    ----------
    histogram : Histogram
        Of one model.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own by default.

    Examples
    --------
    >>> counts, edges = np.histogram(np.linspace(0, 1, 99), 7)
    >>> found = Histogram(counts=counts, edges=edges, unit="norm", title="Norms of tokens")
    >>> plot_histogram(found).axes[0].get_xlabel()
    'norm'
    """
    figure, axes = axes_for(ax, (PANEL[0] + NUMBERS, PANEL[1] + WORDS))
    counts, edges = _filled(histogram)
    axes.stairs(counts, edges, fill=True, color=BARS, baseline=0.1)
    axes.set_yscale("log")
    axes.set_ylim(0.5, 2 * max(float(counts.max()), 1))  # one value is seen, too
    # Also where no value is beyond the line.
    axes.set_xlim(edges[0], max(float(edges[-1]), 1.02 * (histogram.threshold or 0.0)))
    name_axes(axes, histogram.unit, "count")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(PALE)
    if histogram.threshold is not None:
        words = textwrap.shorten(histogram.beyond or "above", 2 * LETTERS - 20, placeholder=" …")
        label = textwrap.fill(f"{words}: {histogram.share_beyond:.2%}", LETTERS)
        axes.axvline(histogram.threshold, color=MARK, linewidth=1.2, linestyle="--", label=label)
        axes.legend(
            prop={"family": FONT, "size": 7.5},
            labelcolor=INK,
            frameon=False,
            handlelength=1.4,
            borderaxespad=0.2,
            loc="lower right",
            bbox_to_anchor=(1, 1),
        )
    return figure


def _filled(histogram: Histogram) -> tuple[NDArray[Any], NDArray[Any]]:
    """Give counts and edges from the first bin that isn't empty to the last.

    Examples
    --------
    >>> counts, edges = np.array([0, 0, 5, 0, 2, 0]), np.arange(7.0)
    >>> _filled(Histogram(counts=counts, edges=edges, unit="", title=""))
    (array([5, 0, 2]), array([2., 3., 4., 5.]))
    """
    counts, edges = np.asarray(histogram.counts), np.asarray(histogram.edges)
    filled = np.flatnonzero(counts)
    if not len(filled):
        return counts, edges
    first, last = int(filled[0]), int(filled[-1]) + 1
    return counts[first:last], edges[first : last + 1]
