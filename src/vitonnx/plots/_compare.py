"""Several models on the same pictures, side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from vitonnx.errors import UsageError
from vitonnx.plots._arrange import GAP, GROUP, Place
from vitonnx.plots._axes import PALE
from vitonnx.plots._entry import MOST_PICTURES, SheetEntry
from vitonnx.plots._page import LABEL, Page
from vitonnx.plots._painter import Painter
from vitonnx.plots._painters import painters_for
from vitonnx.plots._tile import aspect_of

__all__ = ["compare_models"]

ONE, MANY = 3.0, 1.5  # width of a tile in inches, for one picture and for several
LONGEST_KEY = 6.0  # in inches


def compare_models(models: Mapping[str, Sequence[SheetEntry]], *, note: str = "") -> Figure:
    """Draw pictures, and beside each what several models make of it.

    Each model has a column, with a scale and a colour bar of its own: models with other numbers of
    patches have other weights. Classes have one legend for all. A map lies on the pixels that its
    own model saw; the picture in colours is what the first model saw. Of a single picture the parts
    are drawn too, such as heads. It is a whole page and takes no `ax`; `plot_map` does.

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
    painters = painters_for(list(models.values()), alone=alone)
    tiles = [
        [_tiles(*each, width, alone=alone) for each in zip(painters, row, strict=True)]
        for row in pictures
    ]
    words = [
        _describe(painter, entries, alone=alone)
        for painter, entries in zip(painters, models.values(), strict=True)
    ]
    common = [word for word in words[0] if all(word in others for others in words)]
    # Where the pictures begin, and where the last one ends.
    tops = [LABEL if words == [common] * len(words) else 2 * LABEL]
    for row in tiles:
        tops.append(tops[-1] + GROUP + max(tile.place.bottom for of_one in row for tile in of_one))
    start = tops[0] + LABEL
    bottom = max(tops.pop() - GROUP, *(start + painter.tall for painter in painters))
    # Where the columns begin, and where the last one ends.
    lefts = [width + GROUP]
    for painter in painters:
        lefts.append(lefts[-1] + width + (painter.room or GROUP))
    page = Page(
        lefts[-1] - (0 if painters[-1].room else GROUP),
        bottom,
        title="",
        details=[*common, *_say_whose(list(models), pictures)],
        note=note,
    )
    for top, (entry, *_), (of_first, *_) in zip(tops, pictures, tiles, strict=True):
        axes = page.tile(0, top + LABEL, *of_first[0].place[2:], entry.file)
        painters[0].draw_seen(axes, entry)
    for number, (model, entries) in enumerate(models.items()):
        left, painter = lefts[number], painters[number]
        room = width + max(0.0, painter.room - GROUP)
        own = ", ".join(word for word in words[number] if word not in common)
        page.text(left, 0, model, room=room, weight="bold")
        page.text(left, LABEL, own, room=room, colour=PALE)
        for top, entry, of_all in zip(tops, entries, tiles, strict=True):
            for tile, (place, label) in enumerate(of_all[number]):
                at = left + place.left, top + place.top
                painter.draw(page.tile(*at, *place[2:], label), entry, tile)
        length = min(bottom - start, LONGEST_KEY)
        painter.draw_key(page, left + width + GROUP, start, length)
    return page.figure


def _describe(painter: Painter, entries: Sequence[SheetEntry], *, alone: bool) -> list[str]:
    """Say in words what a model's maps show, and of a picture alone what the model predicts."""
    words = [word for word in painter.common_words(entries) if word]
    predicted = entries[0].prediction if alone else ""
    return [*words, f"predicted: {predicted}"] if predicted else words


def _say_whose(models: list[str], pictures: list[tuple[SheetEntry, ...]]) -> list[str]:
    """Say whose crop is seen in colours, where the models saw different ones."""
    for first, *others in pictures:
        if not all(np.array_equal(first.pixels, other.pixels) for other in others):
            return [f"in colours: what {models[0]} saw"]
    return []


class _Tile(NamedTuple):
    """Its place in inches from the top left corner of all that a model has there, and its label."""

    place: Place
    label: str


def _tiles(painter: Painter, entry: SheetEntry, width: float, *, alone: bool) -> list[_Tile]:
    """Arrange the main map of one picture, and below it the parts, if any, of a picture alone."""
    aspect = aspect_of(entry.pixels, entry.inside)
    main = Place(0, LABEL, width, width * aspect)
    if not alone:
        return [_Tile(main, entry.prediction)]
    labels = painter.labels(entry.maps)
    places, parts = [main], len(labels) - 1
    columns = math.ceil(parts / math.isqrt(parts)) if parts else 1
    side = (width - (columns - 1) * GAP) / columns
    for row, column in (divmod(part, columns) for part in range(parts)):
        top = main.bottom + GAP + LABEL + row * (side * aspect + GAP + LABEL)
        places.append(Place(column * (side + GAP), top, side, side * aspect))
    return list(map(_Tile, places, labels))
