"""Pages of many small pictures, such as the filters of a patch embedding."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vitonnx.plots._arrange import GAP, GROUP
from vitonnx.plots._axes import axes_for
from vitonnx.plots._page import LABEL, Page
from vitonnx.plots._plate import gap_of, make_plate, scale_each
from vitonnx.probes import Plate

__all__ = ["plot_plate", "plot_plates"]

WIDTH = 5.8  # of a plate, in inches: a little more than three dots a pixel of a 16x16 filter
ACROSS_PLATE = 16
ACROSS_BELOW = 7
BELOW = (WIDTH - (ACROSS_BELOW - 1) * GAP) / ACROSS_BELOW  # its width
BETWEEN = 2 * GROUP  # two models
ACROSS = WIDTH + BETWEEN


def plot_plates(plates: Mapping[str, Plate], *, note: str = "") -> Figure:
    """Draw many small pictures side by side, and below them, one by one, those with captions.

    Each is scaled by itself, from its lowest to its highest value. It is a whole page and takes no
    `ax`; `plot_plate` does.

    Parameters
    ----------
    plates : mapping of str to Plate
        By the models' names; several stand side by side.
    note : str
        A line in red below the caption, such as "untrained: random weights".

    References
    ----------
    Dosovitskiy et al. 2021, arXiv:2010.11929, Fig. 7 left.

    Examples
    --------
    >>> from vitonnx.probes import Filters, Layout
    >>> vit = Layout(grid=(14, 14), patch_size=16, prefix_tokens=("cls",), blocks=12, heads=6)
    >>> kernel = np.random.default_rng(0).normal(size=(384, 3, 16, 16))
    >>> result = Filters(components=28).compute({"patch_embed/kernel": kernel}, vit)
    >>> len(plot_plates({"vit": result.finding}).axes)  # the plate of filters, and 28 components
    29
    """
    several, first = len(plates) > 1, next(iter(plates.values()))
    top = LABEL + LABEL * several
    heights = [WIDTH * _aspect(_joined(plate)) for plate in plates.values()]
    # What is below begins at one height, below the highest plate.
    below = top + max(heights) + GROUP
    page = Page(
        len(plates) * ACROSS - BETWEEN,
        below - GROUP + max(map(_height_below, plates.values())),
        title="" if several else next(iter(plates)),
        details=list(first.details),
        note=note,
    )
    for column, (model, plate) in enumerate(plates.items()):
        left = column * ACROSS
        if several:
            page.text(left, 0, model, room=WIDTH, weight="bold")
        plot_plate(plate, ax=page.tile(left, top, WIDTH, heights[column], plate.label))
        _draw_below(page, left, below, plate)
    return page.figure


def plot_plate(plate: Plate, *, ax: Axes | None = None) -> Figure:
    """Draw the pictures of a plate in rows of 16, each scaled by itself.

    Parameters
    ----------
    plate : Plate
        Of one model.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own by default.

    References
    ----------
    Dosovitskiy et al. 2021, arXiv:2010.11929, Fig. 7 left.

    Examples
    --------
    >>> filters = np.random.default_rng(0).normal(size=(128, 16, 16, 3)).astype(np.float32)
    >>> (axes,) = plot_plate(Plate(pictures=filters, label="filters")).axes
    """
    joined = _joined(plate)
    figure, axes = axes_for(ax, (WIDTH, WIDTH * _aspect(joined)))
    axes.imshow(joined)
    axes.set_axis_off()
    return figure


def _aspect(picture: NDArray[np.float32]) -> float:
    height, width, _ = picture.shape
    return float(height / width)


def _joined(plate: Plate) -> NDArray[np.float32]:
    """Set pictures side by side; the last row is filled up with white."""
    own = np.asarray(plate.pictures)
    count, *shape = own.shape
    rows = math.ceil(count / ACROSS_PLATE)
    pictures = np.ones((rows * ACROSS_PLATE, *shape), np.float32)
    pictures[:count] = scale_each(own)
    pictures = pictures.reshape(rows, ACROSS_PLATE, *shape)
    return make_plate(pictures, gap=gap_of(shape[0]), fill=1)


def _draw_below(page: Page, left: float, top: float, plate: Plate) -> None:
    """Draw the pictures below a plate, each below its caption."""
    if plate.below is None:
        return
    pictures = scale_each(np.asarray(plate.below))
    height = BELOW * _aspect(pictures[0])
    page.text(left, top, plate.below_label, room=WIDTH)
    for number, (picture, caption) in enumerate(zip(pictures, plate.captions, strict=True)):
        row, column = divmod(number, ACROSS_BELOW)
        at = left + column * (BELOW + GAP), top + 2 * LABEL + row * (height + LABEL + GROUP)
        page.tile(*at, BELOW, height, caption).imshow(picture, aspect="auto")


def _height_below(plate: Plate) -> float:
    """Give the height of what is below with its captions and the gap above it, in inches."""
    if plate.below is None:
        return 0.0
    pictures = np.asarray(plate.below)
    rows = math.ceil(len(pictures) / ACROSS_BELOW)
    return LABEL + rows * (BELOW * _aspect(pictures[0]) + LABEL + GROUP)
