"""Several models on the same pictures, side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vitonnx.errors import UsageError
from vitonnx.plots._arrange import GAP, GROUP, Place
from vitonnx.plots._axes import PALE
from vitonnx.plots._entry import MOST_PICTURES, SheetEntry, common_scale, describe
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

__all__ = ["compare_models"]

ONE, MANY = 3.0, 1.5  # width of a tile in inches, for one picture and for several
LONGEST_BAR = 6.0  # in inches


def compare_models(models: Mapping[str, Sequence[SheetEntry]], *, note: str = "") -> Figure:
    """Draw pictures, and beside each what several models make of it.

    Each model has a column, with a scale and a colour bar of its own: models with other numbers of
    patches have other weights. A map lies on the pixels that its own model saw; the picture in
    colours is what the first model saw. Of a single picture the parts are drawn too, such as heads.
    It is a whole page and takes no `ax`; `plot_map` does.

    Parameters
    ----------
    models : mapping of str to sequence of SheetEntry
        By the models' names, findings of one probe for the same 1 to 400 pictures.
    note : str
        A line in red below the caption, such as "untrained: random weights".

    Raises
    ------
    UsageError
        If there are no pictures, or too many for a page.

    Examples
    --------
    >>> from vitonnx.probes import Maps
    >>> values = np.full((1, 2, 3), 1 / 7, np.float32)
    >>> maps = Maps(values=values, labels=("attention rollout",), unit="rollout weight")
    >>> entry = SheetEntry(np.zeros((32, 48, 3), np.uint8), maps, "bird.png")
    >>> figure = compare_models({"supervised": [entry] * 5, "DINO": [entry] * 5})
    >>> len(figure.axes)  # five pictures with two maps each, and two colour bars
    17
    """
    pictures = list(zip(*models.values(), strict=True))
    if not 1 <= len(pictures) <= MOST_PICTURES:
        raise UsageError(
            f"a comparison holds 1 to {MOST_PICTURES} pictures, not {len(pictures)}: "
            "write a picture each, or the raw arrays as .npz."
        )
    alone = len(pictures) == 1
    width = ONE if alone else MANY
    tiles = [[_tiles(entry, width, alone=alone) for entry in row] for row in pictures]
    words = [_describe(entry, alone=alone) for entry in pictures[0]]
    common = [word for word in words[0] if all(word in others for others in words)]
    # Where the pictures begin, and where the last one ends.
    tops = [LABEL if words == [common] * len(words) else 2 * LABEL]
    for row in tiles:
        tops.append(tops[-1] + GROUP + max(tile.place.bottom for of_one in row for tile in of_one))
    bottom, across = tops.pop() - GROUP, width + GROUP + BAR_ROOM
    page = Page(
        width + GROUP + len(models) * across,
        bottom,
        title="",
        details=[*common, *_say_whose(list(models), pictures)],
        note=note,
    )
    for top, (entry, *_), (of_first, *_) in zip(tops, pictures, tiles, strict=True):
        axes = page.tile(0, top + LABEL, *of_first[0].place[2:], entry.file)
        draw_picture(axes, entry.pixels, entry.main.shape, entry.inside)
        _mark_query(axes, entry)
    for number, (model, entries) in enumerate(models.items()):
        left, maps = width + GROUP + number * across, entries[0].maps
        own = ", ".join(word for word in words[number] if word not in common)
        page.text(left, 0, model, room=across - GROUP, weight="bold")
        page.text(left, LABEL, own, room=across - GROUP, colour=PALE)
        column = [row[number] for row in tiles]
        shown = [
            without_padding(tile.values, entry.inside)
            for entry, of_one in zip(entries, column, strict=True)
            for tile in of_one
        ]
        scale = common_scale(shown, maps)
        for top, entry, of_one in zip(tops, entries, column, strict=True):
            _draw(page, left, top, entry, of_one, scale)
        start = tops[0] + LABEL
        length = min(bottom - start, LONGEST_BAR)
        page.colour_bar(left + width + GROUP, start, length, scale, maps.unit)
    return page.figure


def _describe(entry: SheetEntry, *, alone: bool) -> list[str]:
    """Say in words what a model's maps show, and of a picture alone what the model predicts."""
    words = [word for word in describe(entry.maps, alone=alone) if word]
    return [*words, f"predicted: {entry.prediction}"] if alone and entry.prediction else words


def _say_whose(models: list[str], pictures: list[tuple[SheetEntry, ...]]) -> list[str]:
    """Say whose crop is seen in colours, where the models saw different ones."""
    for first, *others in pictures:
        if not all(np.array_equal(first.pixels, other.pixels) for other in others):
            return [f"in colours: what {models[0]} saw"]
    return []


class _Tile(NamedTuple):
    """A map, and its place in inches from the top left corner of all that a model has there."""

    place: Place
    label: str
    values: NDArray[np.float32]
    mask: NDArray[np.bool_] | None


def _tiles(entry: SheetEntry, width: float, *, alone: bool) -> list[_Tile]:
    """Arrange the main map of one picture, and below it the parts, if any, of a picture alone."""
    aspect = aspect_of(entry.pixels, entry.inside)
    main = Place(0, LABEL, width, width * aspect)
    if not alone:
        return [_Tile(main, entry.prediction, entry.main, None)]
    places, parts = [main], len(entry.maps.values) - 1
    columns = math.ceil(parts / math.isqrt(parts)) if parts else 1
    side = (width - (columns - 1) * GAP) / columns
    for row, column in (divmod(part, columns) for part in range(parts)):
        top = main.bottom + GAP + LABEL + row * (side * aspect + GAP + LABEL)
        places.append(Place(column * (side + GAP), top, side, side * aspect))
    values, masks = np.asarray(entry.maps.values), entry.maps.masks
    of_each = [None] * len(values) if masks is None else list(np.asarray(masks))
    return list(map(_Tile, places, entry.maps.labels, values, of_each))


def _draw(
    page: Page, left: float, top: float, entry: SheetEntry, tiles: list[_Tile], scale: Scale
) -> None:
    for place, label, values, mask in tiles:
        axes = page.tile(left + place.left, top + place.top, place.width, place.height, label)
        draw_map(axes, entry.pixels, values, scale, entry.inside)
        _mark_query(axes, entry)
        if mask is not None:
            outline_patches(axes, mask)


def _mark_query(axes: Axes, entry: SheetEntry) -> None:
    if entry.maps.mark is not None:
        mark_patch(axes, entry.maps.mark)
