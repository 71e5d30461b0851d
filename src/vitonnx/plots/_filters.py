"""The figure of the probe ``filters``: the filters of the patch embedding as small pictures."""

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
from vitonnx.probes import FiltersResult

__all__ = ["plot_filter_plate", "plot_filters"]

WIDTH = 5.8  # of a plate, in inches: a little more than three dots a pixel of a 16x16 filter
FILTERS_ACROSS = 16
COMPONENTS_ACROSS = 7
COMPONENT = (WIDTH - (COMPONENTS_ACROSS - 1) * GAP) / COMPONENTS_ACROSS  # its width
BETWEEN = 2 * GROUP  # two models
ACROSS = WIDTH + BETWEEN


def plot_filters(results: Mapping[str, FiltersResult], *, note: str = "") -> Figure:
    """Draw filters of patch embeddings, and their principal components where there are any.

    Each filter and each component is scaled by itself, from its lowest to its highest weight. It
    is a whole page and takes no `ax`; `plot_filter_plate` does.

    Parameters
    ----------
    results : mapping of str to FiltersResult
        By the models' names; several stand side by side.
    note : str
        A line in red below the caption, such as "untrained: random weights".

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.

    References
    ----------
    Dosovitskiy et al. 2021, arXiv:2010.11929, Fig. 7 left.

    Examples
    --------
    >>> from vitonnx.probes import Filters, Layout
    >>> vit = Layout(grid=(14, 14), patch_size=16, prefix_tokens=("cls",), blocks=12, heads=6)
    >>> kernel = np.random.default_rng(0).normal(size=(384, 3, 16, 16))
    >>> result = Filters(components=28).compute({"patch_embed/kernel": kernel}, vit)
    >>> len(plot_filters({"vit": result}).axes)  # the plate of filters, and 28 components
    29
    """
    several = len(results) > 1
    top = LABEL + LABEL * several
    heights = [WIDTH * _aspect(_plate(result)) for result in results.values()]
    # The components begin at one height, below the highest plate.
    below = top + max(heights) + GROUP
    page = Page(
        len(results) * ACROSS - BETWEEN,
        below - GROUP + max(map(_components_height, results.values())),
        title="" if several else next(iter(results)),
        details=["filters of the patch embedding", "each scaled by itself"],
        note=note,
    )
    for column, (model, result) in enumerate(results.items()):
        left = column * ACROSS
        if several:
            page.text(left, 0, model, room=WIDTH, weight="bold")
        label = f"the first {len(result.filters)} filters"
        plot_filter_plate(result, ax=page.tile(left, top, WIDTH, heights[column], label))
        _draw_components(page, left, below, result)
    return page.figure


def plot_filter_plate(result: FiltersResult, *, ax: Axes | None = None) -> Figure:
    """Draw the filters alone, in rows of 16, each scaled by itself.

    Parameters
    ----------
    result : FiltersResult
        Of one model.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own by default.

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot, or that of `ax`.

    References
    ----------
    Dosovitskiy et al. 2021, arXiv:2010.11929, Fig. 7 left.

    Examples
    --------
    >>> filters = np.random.default_rng(0).normal(size=(128, 16, 16, 3)).astype(np.float32)
    >>> result = FiltersResult(filters=filters, components=None, explained_variance_ratio=None)
    >>> (axes,) = plot_filter_plate(result).axes
    """
    plate = _plate(result)
    figure, axes = axes_for(ax, (WIDTH, WIDTH * _aspect(plate)))
    axes.imshow(plate)
    axes.set_axis_off()
    return figure


def _aspect(plate: NDArray[np.float32]) -> float:
    height, width, _ = plate.shape
    return float(height / width)


def _plate(result: FiltersResult) -> NDArray[np.float32]:
    """Set filters side by side; the last row is filled up with white."""
    filters = np.asarray(result.filters)
    count, *shape = filters.shape
    rows = math.ceil(count / FILTERS_ACROSS)
    pictures = np.ones((rows * FILTERS_ACROSS, *shape), np.float32)
    pictures[:count] = scale_each(filters)
    pictures = pictures.reshape(rows, FILTERS_ACROSS, *shape)
    return make_plate(pictures, gap=gap_of(shape[0]), fill=1)


def _draw_components(page: Page, left: float, top: float, result: FiltersResult) -> None:
    """Draw the components, each below its share of the variance."""
    if result.components is None:
        return
    height, shares = _component_height(result), np.asarray(result.explained_variance_ratio)
    label = f"{len(shares)} principal components, and the variance that each explains"
    page.text(left, top, f"{label}: {shares.sum():.0%} together", room=WIDTH)
    pictures = scale_each(np.asarray(result.components))
    for number, (picture, share) in enumerate(zip(pictures, shares, strict=True)):
        row, column = divmod(number, COMPONENTS_ACROSS)
        at = left + column * (COMPONENT + GAP), top + 2 * LABEL + row * (height + LABEL + GROUP)
        page.tile(*at, COMPONENT, height, f"{share:.1%}").imshow(picture, aspect="auto")


def _components_height(result: FiltersResult) -> float:
    """Give the height of all components with their labels and the gap above them, in inches."""
    if result.components is None:
        return 0.0
    rows = math.ceil(len(result.components) / COMPONENTS_ACROSS)
    return LABEL + rows * (_component_height(result) + LABEL + GROUP)


def _component_height(result: FiltersResult) -> float:
    _, height, width, _ = np.asarray(result.filters).shape
    return COMPONENT * float(height / width)
