"""What was found in one picture: a page with the picture and all maps, or one map alone."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vitonnx.errors import UsageError
from vitonnx.plots._arrange import GAP, GROUP, Place, arrange_tiles
from vitonnx.plots._axes import axes_for, draw_bar, key_beside
from vitonnx.plots._entry import AnyMaps, SheetEntry
from vitonnx.plots._page import LABEL, Page
from vitonnx.plots._paint_maps import MapsPainter
from vitonnx.plots._painters import painters_for
from vitonnx.plots._tile import aspect_of
from vitonnx.probes import WHOLE, Crop, Maps

__all__ = ["plot_map", "plot_maps"]

WIDTH = 8.6  # of all tiles together, in inches, where a map has parts
TILE = 2.8  # width of a tile, where it has none
ALONE, KEY, MARGINS = 3.0, 0.65, 0.09  # of a map alone, its colour bar with numbers, in inches


def plot_maps(
    pixels: NDArray[np.uint8],
    maps: AnyMaps,
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
    patch is framed. Colours are drawn alone and over the picture; classes with a legend of the most
    frequent. It is a whole page and takes no `ax`; `plot_map` does.

    Parameters
    ----------
    pixels : uint8 (height, width, 3)
        The model's input: the crop, as `vitonnx.engine.prepare` gives it.
    maps : Maps, ColourMaps or ClassMaps
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
    entry = SheetEntry(pixels, maps, inside=inside)
    (painter,) = painters_for([[entry]], alone=True)
    labels = painter.labels(maps)
    aspect, parts = aspect_of(pixels, inside), len(labels) - 1
    if parts:
        places, width = arrange_tiles(parts, aspect=aspect, width=WIDTH), WIDTH
    else:
        places = [Place(left, LABEL, TILE, TILE * aspect) for left in (0, TILE + GAP)]
        width = 2 * TILE + GAP
    height = max(LABEL + painter.tall, *(place.bottom for place in places))
    page = Page(
        width + painter.room,
        height,
        title=model,
        details=[file, *painter.words(maps), prediction and f"predicted: {prediction}"],
        note=note,
    )
    painter.draw_seen(page.tile(*places[0], "what the model saw"), entry)
    for number, (place, label) in enumerate(zip(places[1:], labels, strict=True)):
        painter.draw(page.tile(*place, label), entry, number)
    painter.draw_key(page, width + GROUP, LABEL, height - LABEL)
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
    height, width, _ = pixels.shape
    tall = ALONE * aspect_of(pixels, inside)
    figure, axes = axes_for(ax, (ALONE + KEY + MARGINS, tall + MARGINS))
    entry = SheetEntry(pixels, maps, inside=inside)
    (painter,) = MapsPainter.for_models([[entry]], alone=True)
    painter.draw(axes, entry, place)
    rows, columns = maps.values.shape[1:]
    axes.set_aspect(height * columns / (width * rows))
    axes.set_axis_off()
    draw_bar(key_beside(axes), painter.scale, painter.unit)
    return figure
