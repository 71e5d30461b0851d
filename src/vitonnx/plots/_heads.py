"""The figure of the probe ``heads``: the picture, the mean over the heads, and every head."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vitonnx.plots._arrange import GROUP, arrange_heads
from vitonnx.plots._page import BAR_ROOM, LABEL, Page
from vitonnx.plots._scale import Scale
from vitonnx.plots._tile import (
    aspect_of,
    draw_map,
    draw_picture,
    mark_patch,
    outline_patches,
    without_padding,
)
from vitonnx.probes import WHOLE, Crop, HeadsResult, mass_mask

__all__ = ["describe_heads", "masks_of", "plot_heads"]

WIDTH = 8.6  # of all tiles together, in inches


def plot_heads(
    pixels: NDArray[np.uint8],
    result: HeadsResult,
    *,
    model: str = "",
    file: str = "",
    prediction: str = "",
    note: str = "",
    inside: Crop = WHOLE,
) -> Figure:
    """Draw where the heads of a block look, each on the pixels that the model saw.

    All maps share one linear scale that begins at 0, so that colours can be compared between
    heads. It ends at the 99.5th percentile of all weights; what is above has the last colour, and
    the colour bar then ends in a tip. Patches of the result's mask are outlined; a query patch is
    framed. It is a whole page and takes no `ax`; `plot_map` does.

    Parameters
    ----------
    pixels : uint8 (height, width, 3)
        The model's input: the crop, as `vitonnx.engine.prepare` gives it.
    result : HeadsResult
        Of that picture.
    model, file, prediction : str
        For the caption; empty ones are left out.
    note : str
        A line in red below the caption, such as "untrained: random weights".
    inside : (left, top, right, bottom), optional
        What of the input is picture and not padding, in shares of its sides, as
        `vitonnx.engine.prepare` gives it: nothing else is drawn, nor counts for the scale.

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.

    Examples
    --------
    >>> from vitonnx.probes import Heads, Layout
    >>> vit = Layout(grid=(2, 3), patch_size=16, prefix_tokens=("cls",), blocks=1, heads=6)
    >>> attention = {"block_00/attention": np.full((1, 6, 7, 7), 1 / 7, np.float32)}
    >>> (result,) = Heads().compute(attention, vit, [0])
    >>> figure = plot_heads(np.zeros((32, 48, 3), np.uint8), result, model="vit")
    >>> len(figure.axes)  # the picture, the mean, six heads and the colour bar
    9
    """
    heads, mean = np.asarray(result.attention), np.asarray(result.mean)
    scale = Scale.over(without_padding(heads, inside))
    places = arrange_heads(len(heads), aspect=aspect_of(pixels, inside), width=WIDTH)
    height = max(place.bottom for place in places)
    page = Page(
        WIDTH + GROUP + BAR_ROOM,
        height,
        title=model,
        details=[file, *describe_heads(result), prediction and f"predicted: {prediction}"],
        note=note,
    )
    labels = ["what the model saw", "mean of the heads"]
    labels += [f"head {head}" for head in range(len(heads))]
    tiles = [page.tile(*place, label) for place, label in zip(places, labels, strict=True)]

    draw_picture(tiles[0], pixels, mean.shape, inside)
    for tile, values in zip(tiles[1:], [mean, *heads], strict=True):
        draw_map(tile, pixels, values, scale, inside)
    for tile, mask in zip(tiles[1:], masks_of(result), strict=True):
        if mask is not None:
            outline_patches(tile, mask)
    if result.patch is not None:
        for tile in tiles:
            mark_patch(tile, result.patch)
    page.colour_bar(WIDTH + GROUP, LABEL, height - LABEL, scale, "attention weight")
    return page.figure


def masks_of(result: HeadsResult) -> list[NDArray[np.bool_] | None]:
    """Give the mask of the mean, and that of each head; None for each without a mass."""
    if result.mass is None:
        return [None] * (1 + len(result.attention))
    mean = np.asarray(result.mean)
    return [mass_mask(mean[None, None], result.mass)[0, 0], *np.asarray(result.mask)]


def describe_heads(result: HeadsResult) -> list[str]:
    """Say in words what a result shows.

    Examples
    --------
    >>> describe_heads(HeadsResult(attention=None, mean=None, mask=None, mass=0.6, block=11,
    ...                            query="40,12", patch=(2, 0)))
    ['block 11', 'query: pixel y 40, x 12', 'outlined: 60% of the attention to patches']
    """
    if result.patch is not None:
        y, x = result.query.split(",")
        query = f"query: pixel y {y}, x {x}"
    else:
        query = "query: mean of the patches" if result.query == "mean" else f"query: {result.query}"
    details = [f"block {result.block}", query]
    if result.mass is not None:
        details.append(f"outlined: {result.mass:.0%} of the attention to patches")
    return details
