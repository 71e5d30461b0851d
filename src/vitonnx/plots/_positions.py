"""The figure of the probe ``positions``: a tile for each patch, and the whole matrix."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from vitonnx.plots._arrange import GROUP
from vitonnx.plots._axes import axes_for, draw_bar, key_beside, name_axes
from vitonnx.plots._page import BAR_ROOM, LABEL, Page
from vitonnx.plots._plate import gap_of, make_plate
from vitonnx.plots._scale import PlainScale
from vitonnx.probes import PositionsResult

__all__ = ["plot_position_matrix", "plot_position_tiles", "plot_positions"]

SIDE = 4.2  # of the matrix, and the longer one of all tiles together, in inches
NUMBERS = 0.5  # room for the numbers beside and below them


def plot_positions(results: Mapping[str, PositionsResult], *, note: str = "") -> Figure:
    """Draw how alike the position embeddings of the patches are.

    Each patch has a tile, at its own place in the grid: the similarity of its position embedding
    with those of all patches. Beside the tiles, or below them where there are several models,
    stands the whole matrix. Colours of the cosine begin at -1 and end at 1, so that models can be
    compared; those of the dot product, which has no bounds, reach from a model's lowest value up
    to the 99.5th percentile. It is a whole page and takes no `ax`; `plot_position_tiles` and
    `plot_position_matrix` do.

    Parameters
    ----------
    results : mapping of str to PositionsResult
        By the models' names; several stand side by side.
    note : str
        A line in red below the caption, such as "untrained: random weights".

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.

    References
    ----------
    Dosovitskiy et al. 2021, arXiv:2010.11929, Fig. 7 centre.

    Examples
    --------
    >>> from vitonnx.probes import position_similarity
    >>> similarity = position_similarity(np.eye(6), grid=(2, 3), prefix=0)
    >>> result = PositionsResult(similarity=similarity, grid=(2, 3), metric="cosine")
    >>> len(plot_positions({"vit": result}).axes)  # the tiles, the matrix and the colour bar
    3
    """
    several = len(results) > 1
    top = LABEL + LABEL * several
    # The matrix stands below the tiles or beside them; the colour bar is at the right of both.
    down, aside = (SIDE + NUMBERS + GROUP, 0.0) if several else (0.0, SIDE + NUMBERS + GROUP)
    across = NUMBERS + aside + SIDE + GROUP + BAR_ROOM
    page = Page(
        len(results) * (across + GROUP) - GROUP,
        top + down + SIDE + NUMBERS,
        title="" if several else next(iter(results)),
        details=["position embeddings of the patches"],
        note=note,
    )
    for number, (model, result) in enumerate(results.items()):
        left, scale = number * (across + GROUP) + NUMBERS, _scale(result)
        if several:
            page.text(left, 0, model, room=SIDE, weight="bold")
        page.text(left, top - LABEL, "each patch with all patches", room=SIDE)
        _draw_tiles(page.axes(left, top, *_sides(result)), result, scale)
        page.text(left + aside, top + down - LABEL, "the whole matrix", room=SIDE)
        _draw_matrix(page.axes(left + aside, top + down, SIDE, SIDE), result, scale)
        page.colour_bar(left + aside + SIDE + GROUP, top, SIDE, scale, _unit(result))
    return page.figure


def plot_position_tiles(result: PositionsResult, *, ax: Axes | None = None) -> Figure:
    """Draw a tile for each patch: how alike its position embedding is to those of all patches.

    Parameters
    ----------
    result : PositionsResult
        Of one model.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own by default.

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot, or that of `ax`.

    References
    ----------
    Dosovitskiy et al. 2021, arXiv:2010.11929, Fig. 7 centre.

    Examples
    --------
    >>> from vitonnx.probes import position_similarity
    >>> similarity = position_similarity(np.eye(6), grid=(2, 3), prefix=0)
    >>> result = PositionsResult(similarity=similarity, grid=(2, 3), metric="cosine")
    >>> plot_position_tiles(result).axes[0].get_ylabel()
    'row of the patch'
    """
    width, height = _sides(result)
    figure, axes = axes_for(ax, (width + NUMBERS + BAR_ROOM, height + NUMBERS))
    _draw_tiles(axes, result, _scale(result))
    axes.set_box_aspect(height / width)
    draw_bar(key_beside(axes), _scale(result), _unit(result))
    return figure


def plot_position_matrix(result: PositionsResult, *, ax: Axes | None = None) -> Figure:
    """Draw how alike the position embeddings of any two patches are, as one matrix.

    Parameters
    ----------
    result : PositionsResult
        Of one model.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own by default.

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot, or that of `ax`.

    Examples
    --------
    >>> from vitonnx.probes import position_similarity
    >>> similarity = position_similarity(np.eye(6), grid=(2, 3), prefix=0)
    >>> result = PositionsResult(similarity=similarity, grid=(2, 3), metric="cosine")
    >>> plot_position_matrix(result).axes[0].get_xlabel()
    'patch, row by row'
    """
    figure, axes = axes_for(ax, (SIDE + NUMBERS + BAR_ROOM, SIDE + NUMBERS))
    _draw_matrix(axes, result, _scale(result))
    axes.set_box_aspect(1)
    draw_bar(key_beside(axes), _scale(result), _unit(result))
    return figure


def _unit(result: PositionsResult) -> str:
    return "cosine similarity" if result.metric == "cosine" else "dot product"


def _sides(result: PositionsResult) -> tuple[float, float]:
    """Give the width and the height of all tiles together: a patch is a square in all of them."""
    height, width = _plate(result).shape
    longer = max(height, width)
    return SIDE * width / longer, SIDE * height / longer


def _scale(result: PositionsResult) -> PlainScale:
    if result.metric == "cosine":
        return PlainScale(-1.0, 1.0, clipped=False)
    values = np.asarray(result.similarity)
    return PlainScale.over(values, low=float(values.min()))


def _plate(result: PositionsResult) -> NDArray[np.float32]:
    """Fold each row of the matrix into a tile, and set the tiles at the places of their patches."""
    tiles = np.asarray(result.similarity).reshape(*result.grid, *result.grid)
    return make_plate(tiles, gap=gap_of(result.grid[0]), fill=np.nan)


def _draw_tiles(axes: Axes, result: PositionsResult, scale: PlainScale) -> None:
    """Draw the tiles; rows and columns of patches are counted at the middles of their tiles."""
    plate, (rows, columns) = _plate(result), result.grid
    down, across = rows + gap_of(rows), columns + gap_of(rows)
    middle_row, middle_column = rows / down / 2, columns / across / 2
    bounds = (
        -middle_column,
        plate.shape[1] / across - middle_column,
        plate.shape[0] / down - middle_row,
        -middle_row,
    )
    axes.imshow(plate, cmap=scale.bar, norm=scale.norm, aspect="auto", extent=bounds)
    _count(axes, "column of the patch", "row of the patch")


def _draw_matrix(axes: Axes, result: PositionsResult, scale: PlainScale) -> None:
    axes.imshow(np.asarray(result.similarity), cmap=scale.bar, norm=scale.norm, aspect="auto")
    _count(axes, "patch, row by row", "patch, row by row")


def _count(axes: Axes, across: str, down: str) -> None:
    """Label both axes, which count from 0."""
    axes.spines[:].set_visible(False)
    name_axes(axes, across, down)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10], integer=True))
