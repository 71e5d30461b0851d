"""The contact sheet: many pictures on one page, each beside its map."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from vitonnx.errors import UsageError
from vitonnx.plots._arrange import GAP, GROUP
from vitonnx.plots._axes import PALE
from vitonnx.plots._entry import MOST_PICTURES, SheetEntry
from vitonnx.plots._page import LABEL, Page
from vitonnx.plots._painters import painters_for
from vitonnx.plots._tile import aspect_of

__all__ = ["contact_sheet"]

TILE = 1.5  # width in inches
TALLEST = 1.5  # height of a tile over its width, where pictures have shapes of their own


def contact_sheet(entries: Sequence[SheetEntry], *, model: str = "", note: str = "") -> Figure:
    """Draw several pictures, each beside its main map, or its colours.

    All maps share one scale, or one legend; see `plot_maps`. It is a whole page and takes no `ax`;
    `plot_map` does.

    Parameters
    ----------
    entries : sequence of SheetEntry
        Findings of one probe and one model; 1 to 400.
    model, note : str
        For the caption; empty ones are left out.

    Raises
    ------
    UsageError
        If there are no pictures, or too many for a page.

    Examples
    --------
    >>> import numpy as np
    >>> from vitonnx.probes import Maps
    >>> values = np.full((1, 2, 3), 1 / 7, np.float32)
    >>> maps = Maps(values=values, labels=("attention rollout",), unit="rollout weight")
    >>> entry = SheetEntry(np.zeros((32, 48, 3), np.uint8), maps, "bird.png")
    >>> len(contact_sheet([entry] * 5).axes)  # two tiles a picture, and the colour bar
    11
    """
    if not 1 <= len(entries) <= MOST_PICTURES:
        raise UsageError(
            f"a contact sheet holds 1 to {MOST_PICTURES} pictures, not {len(entries)}: "
            "write a picture each, or the raw arrays as .npz."
        )
    (painter,) = painters_for([entries], alone=False)
    count = max(len(painter.sheet_labels(entry.maps)) for entry in entries)
    columns = min(max(1, 8 // (1 + count)), math.ceil(math.sqrt(len(entries) / 2)))
    rows = math.ceil(len(entries) / columns)
    label = 2 * LABEL if count > 1 or any(entry.prediction for entry in entries) else LABEL
    aspects = [aspect_of(entry.pixels, entry.inside) for entry in entries]
    # One tall picture among others makes no page of tall tiles.
    tile = TILE * (aspects[0] if min(aspects) == max(aspects) else min(TALLEST, max(aspects)))
    across, down = (1 + count) * TILE + count * GAP + GROUP, label + tile + GROUP
    height = max(rows * down - GROUP, label + painter.tall)
    page = Page(
        columns * across - GROUP + painter.room,
        height,
        title=model,
        details=painter.common_words(entries),
        note=note,
    )
    for number, (entry, aspect) in enumerate(zip(entries, aspects, strict=True)):
        row, column = divmod(number, columns)
        left, top = column * across, row * down
        page.text(left, top, entry.file, room=2 * TILE + GAP)
        names = painter.sheet_labels(entry.maps)
        room = (TILE if len(names) > 1 else 2 * TILE) + GAP
        page.text(left, top + LABEL, entry.prediction, room=room, colour=PALE)
        wide = min(TILE, tile / aspect)
        painter.draw_seen(page.tile(left, top + label, wide, wide * aspect), entry)
        for place, name in enumerate(names):
            at = left + (1 + place) * (wide + GAP)
            painter.draw(page.tile(at, top + label, wide, wide * aspect, name), entry, place)
    length = min(height, 3 * down - GROUP) - label
    painter.draw_key(page, columns * across, label, length)
    return page.figure
