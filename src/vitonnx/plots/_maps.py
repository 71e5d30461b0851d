"""Maps of one picture: a page with the picture and all of them, or one map alone."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vitonnx.errors import UsageError
from vitonnx.plots._arrange import GAP, GROUP, Place, arrange_tiles
from vitonnx.plots._axes import axes_for, draw_bar, key_beside
from vitonnx.plots._entry import describe, scale_of
from vitonnx.plots._page import BAR_ROOM, LABEL, Page
from vitonnx.plots._tile import aspect_of, draw_map, draw_picture, mark_patch, outline_patches
from vitonnx.probes import WHOLE, Crop, Maps

__all__ = ["plot_map", "plot_maps"]

WIDTH = 8.6  # of all tiles together, in inches, where a map has parts
TILE = 2.8  # width of a tile, where it has none
ALONE, KEY, MARGINS = 3.0, 0.65, 0.09  # of a map alone, its colour bar with numbers, in inches


def plot_maps(
    pixels: NDArray[np.uint8],
    maps: Maps,
    *,
    model: str = "",
    file: str = "",
    prediction: str = "",
    note: str = "",
    inside: Crop = WHOLE,
) -> Figure:
    """Draw maps on the pixels that the model saw, beside these pixels.

    All maps share one linear scale, so that colours can be compared. It begins at 0, or at the
    lowest value where the maps say so, and ends at the 99.5th percentile of the parts; what is
    above has the last colour, and the colour bar then ends in a tip. Masks are outlined; a query
    patch is framed. It is a whole page and takes no `ax`; `plot_map` does.

    Parameters
    ----------
    pixels : uint8 (height, width, 3)
        The model's input: the crop, as `vitonnx.engine.prepare` gives it.
    maps : Maps
        The finding of that picture.
    model, file, prediction : str
        For the caption; empty ones are left out.
    note : str
        A line in red below the caption, such as "untrained: random weights".
    inside : (left, top, right, bottom), optional
        The part of the input that is picture and not padding, in shares of its sides, as
        `vitonnx.engine.prepare` gives it: nothing else is drawn, nor counts for the scale.

    Examples
    --------
    >>> from vitonnx.probes import Heads, Layout
    >>> vit = Layout(grid=(2, 3), patch_size=16, prefix_tokens=("cls",), blocks=1, heads=6)
    >>> attention = {"block_00/attention": np.full((1, 6, 7, 7), 1 / 7, np.float32)}
    >>> (result,) = Heads().compute(attention, vit, [0])
    >>> figure = plot_maps(np.zeros((32, 48, 3), np.uint8), result.finding, model="vit")
    >>> len(figure.axes)  # the picture, the mean, six heads and the colour bar
    9
    """
    values, scale = np.asarray(maps.values), scale_of(maps, inside)
    aspect, parts = aspect_of(pixels, inside), len(values) - 1
    if parts:
        places, width = arrange_tiles(parts, aspect=aspect, width=WIDTH), WIDTH
    else:
        places = [Place(left, LABEL, TILE, TILE * aspect) for left in (0, TILE + GAP)]
        width = 2 * TILE + GAP
    height = max(place.bottom for place in places)
    page = Page(
        width + GROUP + BAR_ROOM,
        height,
        title=model,
        details=[file, *describe(maps, alone=True), prediction and f"predicted: {prediction}"],
        note=note,
    )
    labels = ["what the model saw", *maps.labels]
    tiles = [page.tile(*place, label) for place, label in zip(places, labels, strict=True)]
    draw_picture(tiles[0], pixels, values.shape[1:], inside)
    for tile, of_tile in zip(tiles[1:], values, strict=True):
        draw_map(tile, pixels, of_tile, scale, inside)
    if maps.masks is not None:
        for tile, mask in zip(tiles[1:], np.asarray(maps.masks), strict=True):
            outline_patches(tile, mask)
    if maps.mark is not None:
        for tile in tiles:
            mark_patch(tile, maps.mark)
    page.colour_bar(width + GROUP, LABEL, height - LABEL, scale, maps.unit)
    return page.figure


def plot_map(
    pixels: NDArray[np.uint8],
    maps: Maps,
    *,
    part: int | None = None,
    inside: Crop = WHOLE,
    ax: Axes | None = None,
) -> Figure:
    """Draw one map on the pixels that the model saw: the main one, or one of its parts.

    All parts share the scale of `plot_maps`, so that their colours can be compared.

    Parameters
    ----------
    pixels : uint8 (height, width, 3)
        The model's input: the crop, as `vitonnx.engine.prepare` gives it.
    maps : Maps
        The finding of that picture.
    part : int, optional
        Which part, such as a head; the main map by default.
    inside : (left, top, right, bottom), optional
        See `plot_maps`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own by default.

    Raises
    ------
    UsageError
        If there is no such part.

    Examples
    --------
    >>> values = np.full((1, 2, 3), 1 / 7, np.float32)
    >>> maps = Maps(values=values, labels=("attention rollout",), unit="rollout weight")
    >>> figure = plot_map(np.zeros((32, 48, 3), np.uint8), maps)
    >>> len(figure.axes[0].get_images())  # the picture in grey, and the map
    2
    """
    parts = len(maps.values) - 1
    if part is not None and not 0 <= part < parts:
        raise UsageError(
            f"there is no part {part}: {maps.labels[0]} has parts 0 to {parts - 1}."
            if parts
            else f"{maps.labels[0]} has no parts: leave the part out."
        )
    place = 0 if part is None else 1 + part
    values = np.asarray(maps.values[place])
    height, width, _ = pixels.shape
    tall = ALONE * aspect_of(pixels, inside)
    figure, axes = axes_for(ax, (ALONE + KEY + MARGINS, tall + MARGINS))
    scale = scale_of(maps, inside)
    draw_map(axes, pixels, values, scale, inside)
    rows, columns = values.shape
    axes.set_aspect(height * columns / (width * rows))
    axes.set_axis_off()
    if maps.masks is not None:
        outline_patches(axes, np.asarray(maps.masks[place]))
    if maps.mark is not None:
        mark_patch(axes, maps.mark)
    draw_bar(key_beside(axes), scale, maps.unit)
    return figure
