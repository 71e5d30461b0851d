"""A page of tables of blocks and heads: three pictures each, for one model or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from vitonnx.errors import UsageError
from vitonnx.plots._page import LABEL, Page
from vitonnx.plots._table import (
    highest_of,
    plot_first_and_last_head,
    plot_table_by_block,
    plot_table_by_head,
)
from vitonnx.probes import Table

__all__ = ["plot_tables"]

PANEL = (3.0, 2.4)  # width and height of one picture's axes, in inches
NUMBERS, WORDS = 0.5, 0.5  # room left of axes for their numbers, and below for numbers and unit
KEY = 0.75  # room right of axes for the key of the heads' colours
PICTURES = ("every head, sorted in its block", "first and last head", "head by head")


def plot_tables(
    tables: Mapping[str, Table],
    *,
    blocks: Sequence[int] | None = None,
    note: str = "",
) -> Figure:
    """Draw all three pictures for one model, or for several side by side.

    All axes share one scale, which begins at 0, so that models can be compared. It is a whole page
    and takes no `ax`; `plot_table_by_block`, `plot_first_and_last_head` and
    `plot_table_by_head` do.

    Parameters
    ----------
    tables : mapping of str to Table
        Findings of one probe, by the models' names.
    blocks : sequence of int, optional
        Of the third picture, see `plot_table_by_head`.
    note : str
        A line in red below the caption, such as "untrained: random weights".

    Raises
    ------
    UsageError
        If there is no model, or one has no such block.

    Examples
    --------
    >>> import numpy as np
    >>> table = Table(values=np.full((12, 6), 70.0), unit="distance (pixels)", title="Distance")
    >>> len(plot_tables({"dino": table, "deit": table}).axes)  # three each
    6
    """
    if not tables:
        raise UsageError("plot_tables: there is no model to draw.")
    single, first = len(tables) == 1, next(iter(tables.values()))
    across, down = NUMBERS + PANEL[0] + KEY, LABEL + PANEL[1] + WORDS
    columns, rows = (3, 1) if single else (len(tables), 3)
    heading = 0.0 if single else LABEL
    highest = 1.05 * max(map(highest_of, tables.values()))
    page = Page(
        columns * across,
        heading + rows * down,
        title=next(iter(tables)) if single else first.title,
        details=[_describe(tables), *first.details],
        note=note,
    )
    for model, (name, table) in enumerate(tables.items()):
        if not single:
            page.text(model * across, 0, name, room=across - KEY / 2, weight="bold")
        for picture, words in enumerate(PICTURES):
            column, row = (picture, 0) if single else (model, picture)
            left, top = column * across, heading + row * down
            page.text(left, top, words, room=across)
            axes = page.axes(left + NUMBERS, top + LABEL, *PANEL)
            if picture == 0:
                plot_table_by_block(table, ax=axes)
            elif picture == 1:
                plot_first_and_last_head(table, ax=axes)
            else:
                plot_table_by_head(table, blocks=blocks, ax=axes)
            axes.set_ylim(0, highest)
    return page.figure


def _describe(tables: Mapping[str, Table]) -> str:
    counts = dict.fromkeys(table.count for table in tables.values())
    pictures = " and ".join(f"{count:,} picture{'s' * (count != 1)}" for count in counts)
    return f"mean over {pictures}; bars and bands: one standard deviation"
