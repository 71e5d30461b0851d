"""The figure of the probe ``filters``: the filters of the patch embedding as small pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vitonnx.plots._arrange import GAP, GROUP
from vitonnx.plots._page import LABEL, Page
from vitonnx.plots._plate import gap_of, make_plate, scale_each
from vitonnx.probes import FiltersResult

__all__ = ["plot_filters"]

WIDTH = 5.8  # of a plate, in inches: a little more than three dots a pixel of a 16x16 filter
FILTERS_ACROSS = 16
COMPONENTS_ACROSS = 7
COMPONENT = (WIDTH - (COMPONENTS_ACROSS - 1) * GAP) / COMPONENTS_ACROSS  # its width
BETWEEN = 2 * GROUP  # two models
ACROSS = WIDTH + BETWEEN


def plot_filters(results: Mapping[str, FiltersResult], *, note: str = "") -> Figure:
    """Draw filters of patch embeddings, and their principal components where there are any.

    Each filter and each component is scaled by itself, from its lowest to its highest weight.

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
    plates = [_plate(np.asarray(result.filters)) for result in results.values()]
    heights = [WIDTH * plate.shape[0] / plate.shape[1] for plate in plates]
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
        page.tile(left, top, WIDTH, heights[column], label).imshow(plates[column], aspect="auto")
        _draw_components(page, left, below, result)
    return page.figure


def _plate(filters: NDArray[np.float32]) -> NDArray[np.float32]:
    """Set filters side by side; the last row is filled up with white."""
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
