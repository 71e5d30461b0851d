"""Pages of matrices: how every item compares with every other, and of patches a tile for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from vitonnx.errors import UsageError
from vitonnx.plots._arrange import GROUP
from vitonnx.plots._axes import axes_for, draw_bar, key_beside, name_axes
from vitonnx.plots._page import BAR_ROOM, LABEL, Page
from vitonnx.plots._plate import gap_of, make_plate
from vitonnx.plots._scale import PlainScale
from vitonnx.probes import Matrix

__all__ = ["plot_matrices", "plot_matrix", "plot_tiles"]

SIDE = 4.2  # of the matrix, and the longer one of all tiles together, in inches
NUMBERS = 0.5  # room for the numbers beside and below them
THINNEST = SIDE / 4  # what a matrix of few rows or columns still has; its cells are no squares
FEW = 16  # items that are numbered one by one


def plot_matrices(matrices: Mapping[str, Matrix], *, note: str = "") -> Figure:
    """Draw matrices, several models side by side.

    Where the items are patches, each has a tile at its own place in the grid: its row of the
    matrix. Beside the tiles, or below them where there are several models, stands the whole
    matrix. Colours keep to the matrix's bounds, so that models can be compared; without bounds they
    reach from a model's lowest value up to the 99.5th percentile. It is a whole page and takes no
    `ax`; `plot_tiles` and `plot_matrix` do.

    Parameters
    ----------
    matrices : mapping of str to Matrix
        Findings of one probe, by the models' names.
    note : str
        A line in red below the caption, such as "untrained: random weights".

    References
    ----------
    Dosovitskiy et al. 2021, arXiv:2010.11929, Fig. 7 centre.

    Examples
    --------
    >>> matrix = Matrix(values=np.eye(6), unit="similarity", item="patch", grid=(2, 3))
    >>> len(plot_matrices({"vit": matrix}).axes)  # the tiles, the matrix and the colour bar
    3
    """
    several, first = len(matrices) > 1, next(iter(matrices.values()))
    tiled = any(matrix.grid is not None for matrix in matrices.values())
    top = LABEL * (several + tiled)
    sides = [_sides(np.shape(matrix.values), THINNEST) for matrix in matrices.values()]
    widest, highest = (SIDE, SIDE) if tiled else map(max, zip(*sides, strict=True))
    # The matrix stands below the tiles or beside them; the colour bar is at the right of both.
    step = SIDE + NUMBERS + GROUP if tiled else 0.0
    down, aside = (step, 0.0) if several else (0.0, step)
    across = NUMBERS + aside + widest + GROUP + BAR_ROOM
    page = Page(
        len(matrices) * (across + GROUP) - GROUP,
        top + down + highest + NUMBERS,
        title="" if several else next(iter(matrices)),
        details=list(first.details),
        note=note,
    )
    for number, (model, matrix) in enumerate(matrices.items()):
        left, scale = number * (across + GROUP) + NUMBERS, _scale(matrix)
        if several:
            page.text(left, 0, model, room=widest, weight="bold")
        if matrix.grid is not None:
            page.text(left, top - LABEL, "each patch with all patches", room=SIDE)
            _draw_tiles(page.axes(left, top, *_sides(_joined(matrix).shape)), matrix, scale)
            page.text(left + aside, top + down - LABEL, "the whole matrix", room=SIDE)
        _draw_matrix(page.axes(left + aside, top + down, *sides[number]), matrix, scale)
        bar = left + aside + sides[number][0] + GROUP
        page.colour_bar(bar, top, SIDE if tiled else sides[number][1], scale, matrix.unit)
    return page.figure


def plot_tiles(matrix: Matrix, *, ax: Axes | None = None) -> Figure:
    """Draw a tile for each patch: how it compares with all patches.

    Parameters
    ----------
    matrix : Matrix
        Of patches.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own by default.

    Raises
    ------
    UsageError
        If the items are not patches.

    References
    ----------
    Dosovitskiy et al. 2021, arXiv:2010.11929, Fig. 7 centre.

    Examples
    --------
    >>> matrix = Matrix(values=np.eye(6), unit="similarity", item="patch", grid=(2, 3))
    >>> plot_tiles(matrix).axes[0].get_ylabel()
    'row of the patch'
    """
    width, height = _sides(_joined(matrix).shape)
    figure, axes = axes_for(ax, (width + NUMBERS + BAR_ROOM, height + NUMBERS))
    _draw_tiles(axes, matrix, _scale(matrix))
    axes.set_box_aspect(height / width)
    draw_bar(key_beside(axes), _scale(matrix), matrix.unit)
    return figure


def plot_matrix(matrix: Matrix, *, ax: Axes | None = None) -> Figure:
    """Draw how any two items compare, as one matrix.

    Parameters
    ----------
    matrix : Matrix
        Of one model.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own by default.

    Examples
    --------
    >>> matrix = Matrix(values=np.eye(6), unit="similarity", item="patch, row by row")
    >>> plot_matrix(matrix).axes[0].get_xlabel()
    'patch, row by row'
    """
    width, height = _sides(np.shape(matrix.values), THINNEST)
    figure, axes = axes_for(ax, (width + NUMBERS + BAR_ROOM, height + NUMBERS))
    _draw_matrix(axes, matrix, _scale(matrix))
    axes.set_box_aspect(height / width)
    draw_bar(key_beside(axes), _scale(matrix), matrix.unit)
    return figure


def _sides(shape: tuple[int, ...], least: float = 0.0) -> tuple[float, float]:
    """Give the width and the height of something of rows and columns, whose cells are squares."""
    height, width = (max(least, SIDE * side / max(shape)) for side in shape)
    return width, height


def _scale(matrix: Matrix) -> PlainScale:
    if matrix.bounds is not None:
        return PlainScale(*matrix.bounds, clipped=False)
    values = np.asarray(matrix.values)
    return PlainScale.over(values, low=float(values.min()))


def _grid(matrix: Matrix) -> tuple[int, int]:
    if matrix.grid is None:
        raise UsageError("plot_tiles: the matrix is not of patches: use plot_matrix.")
    return matrix.grid


def _joined(matrix: Matrix) -> NDArray[np.float32]:
    """Fold each row of the matrix into a tile, and set the tiles at the places of their patches."""
    grid = _grid(matrix)
    tiles = np.asarray(matrix.values).reshape(*grid, *grid)
    return make_plate(tiles, gap=gap_of(grid[0]), fill=np.nan)


def _draw_tiles(axes: Axes, matrix: Matrix, scale: PlainScale) -> None:
    """Draw the tiles; rows and columns of patches are counted at the middles of their tiles."""
    plate, (rows, columns) = _joined(matrix), _grid(matrix)
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


def _draw_matrix(axes: Axes, matrix: Matrix, scale: PlainScale) -> None:
    axes.imshow(np.asarray(matrix.values), cmap=scale.bar, norm=scale.norm, aspect="auto")
    _count(axes, matrix.other or matrix.item, matrix.item)
    for axis, labels in ((axes.xaxis, matrix.other_labels), (axes.yaxis, matrix.labels)):
        if labels:
            axis.set_major_formatter(partial(_named, labels))


def _named(labels: Sequence[str], place: float, _: int | None = None) -> str:
    """Name a row or a column, where there is one."""
    return labels[int(place)] if place in range(len(labels)) else ""


def _count(axes: Axes, across: str, down: str) -> None:
    """Label both axes, which count from 0; a few items one by one."""
    axes.spines[:].set_visible(False)
    name_axes(axes, across, down)
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        most = FEW if high - low <= FEW else 8
        axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 5, 10], integer=True))
