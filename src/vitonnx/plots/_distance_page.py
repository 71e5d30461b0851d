"""The figure of the probe ``distance``: its three pictures, for one model or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from vitonnx.errors import UsageError
from vitonnx.plots._distance import (
    plot_distance_by_block,
    plot_distance_by_head,
    plot_first_and_last_head,
)
from vitonnx.plots._page import LABEL, Page
from vitonnx.probes import Summary

__all__ = ["plot_distance"]

PANEL = (3.0, 2.4)  # width and height of one picture's axes, in inches
NUMBERS, WORDS = 0.5, 0.5  # room left of axes for their numbers, and below for numbers and unit
KEY = 0.75  # room right of axes for the key of the heads' colours
PICTURES = ("every head, sorted in its block", "first and last head", "head by head")


def plot_distance(
    totals: Mapping[str, Summary],
    *,
    blocks: Sequence[int] | None = None,
    details: Sequence[str] = (),
    note: str = "",
) -> Figure:
    """Draw all three pictures for one model, or for several side by side.

    All axes share one scale, which begins at 0, so that models can be compared. It is a whole page
    and takes no `ax`; `plot_distance_by_block`, `plot_first_and_last_head` and
    `plot_distance_by_head` do.

    Parameters
    ----------
    totals : mapping of str to Summary
        By the models' names.
    blocks : sequence of int, optional
        Of the third picture, see `plot_distance_by_head`.
    details : sequence of str
        For the caption, after the number of pictures.
    note : str
        A line in red below the caption, such as "untrained: random weights".

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.

    Raises
    ------
    UsageError
        If there is no model, or one has no such block.

    Examples
    --------
    >>> from vitonnx.probes import Distance, DistanceResult
    >>> total = Distance().summary([DistanceResult(distance=np.full((12, 6), 70.0))])
    >>> len(plot_distance({"dino": total, "deit": total}).axes)  # three each
    6
    """
    if not totals:
        raise UsageError("plot_distance: there is no model to draw.")
    single = len(totals) == 1
    across, down = NUMBERS + PANEL[0] + KEY, LABEL + PANEL[1] + WORDS
    columns, rows = (3, 1) if single else (len(totals), 3)
    heading = 0.0 if single else LABEL
    highest = 1.05 * max(
        float(np.nanmax(np.asarray(total.mean + total.std), initial=1e-9))
        for total in totals.values()
    )
    page = Page(
        columns * across,
        heading + rows * down,
        title=next(iter(totals)) if single else "Mean attention distance",
        details=[_describe(totals), *details],
        note=note,
    )
    for model, (name, total) in enumerate(totals.items()):
        if not single:
            page.text(model * across, 0, name, room=across - KEY / 2, weight="bold")
        for picture, words in enumerate(PICTURES):
            column, row = (picture, 0) if single else (model, picture)
            left, top = column * across, heading + row * down
            page.text(left, top, words, room=across)
            axes = page.axes(left + NUMBERS, top + LABEL, *PANEL)
            if picture == 0:
                plot_distance_by_block(total, ax=axes)
            elif picture == 1:
                plot_first_and_last_head(total, ax=axes)
            else:
                plot_distance_by_head(total, blocks=blocks, ax=axes)
            axes.set_ylim(0, highest)
    return page.figure


def _describe(totals: Mapping[str, Summary]) -> str:
    counts = dict.fromkeys(total.count for total in totals.values())
    pictures = " and ".join(f"{count:,} picture{'s' * (count != 1)}" for count in counts)
    return f"mean over {pictures}; bars and bands: one standard deviation"
