"""The contact sheet: many pictures on one page, each beside its map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vitonnx.errors import UsageError
from vitonnx.plots._arrange import GAP, GROUP
from vitonnx.plots._heads import describe_heads
from vitonnx.plots._page import BAR_ROOM, LABEL, PALE, Page
from vitonnx.plots._scale import Scale
from vitonnx.plots._tile import draw_map, draw_picture, mark_patch
from vitonnx.probes import HeadsResult, RolloutResult

__all__ = ["MOST_PICTURES", "SheetEntry", "contact_sheet"]

TILE = 1.5  # width in inches
MOST_PICTURES = 400  # a hundred rows: what an image viewer still opens


class SheetEntry(NamedTuple):
    """One picture of a contact sheet.

    Parameters
    ----------
    pixels : uint8 (height, width, 3)
        The model's input.
    result : HeadsResult or RolloutResult
        Of that picture.
    file, prediction : str
        For its label.
    """

    pixels: NDArray[np.uint8]
    result: HeadsResult | RolloutResult
    file: str
    prediction: str = ""


def contact_sheet(entries: Sequence[SheetEntry], *, model: str = "", note: str = "") -> Figure:
    """Draw several pictures, each beside its rollout or the mean of its heads.

    All maps share one scale; see `plot_heads` and `plot_rollout`.

    Parameters
    ----------
    entries : sequence of SheetEntry
        Results of one probe and one model; 1 to 400.
    model, note : str
        For the caption; empty ones are left out.

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.

    Raises
    ------
    UsageError
        If there are no pictures, or too many for a page.

    Examples
    --------
    >>> result = RolloutResult(rollout=np.full((2, 3), 1 / 7, np.float32))
    >>> entry = SheetEntry(np.zeros((32, 48, 3), np.uint8), result, "bird.png")
    >>> len(contact_sheet([entry] * 5).axes)  # two tiles a picture, and the colour bar
    11
    """
    if not 1 <= len(entries) <= MOST_PICTURES:
        raise UsageError(
            f"a contact sheet holds 1 to {MOST_PICTURES} pictures, not {len(entries)}: "
            "write a picture each, or the raw arrays as .npz."
        )
    is_heads = isinstance(entries[0].result, HeadsResult)
    maps = np.stack([_map(entry.result) for entry in entries])
    scale = Scale.over(maps, low=0.0 if is_heads else float(maps.min()))
    columns = min(4, math.ceil(math.sqrt(len(entries) / 2)))
    rows = math.ceil(len(entries) / columns)
    label = 2 * LABEL if any(entry.prediction for entry in entries) else LABEL
    tile = TILE * entries[0].pixels.shape[0] / entries[0].pixels.shape[1]
    across, down = 2 * TILE + GAP + GROUP, label + tile + GROUP
    height = rows * down - GROUP
    page = Page(
        columns * across + BAR_ROOM,
        height,
        title=model,
        details=_details(entries[0].result),
        note=note,
    )
    for number, (entry, values) in enumerate(zip(entries, maps, strict=True)):
        row, column = divmod(number, columns)
        left, top = column * across, row * down
        page.text(left, top, entry.file, room=2 * TILE + GAP)
        page.text(left, top + LABEL, entry.prediction, room=2 * TILE + GAP, colour=PALE)
        seen, overlay = (page.tile(at, top + label, TILE, tile) for at in (left, left + TILE + GAP))
        draw_picture(seen, entry.pixels, values.shape)
        draw_map(overlay, entry.pixels, values, scale)
        if isinstance(entry.result, HeadsResult) and entry.result.patch is not None:
            mark_patch(seen, entry.result.patch)
    bar = min(height, 3 * down - GROUP) - label
    unit = "attention weight" if is_heads else "rollout weight"
    page.colour_bar(columns * across, label, bar, scale, unit)
    return page.figure


def _map(result: HeadsResult | RolloutResult) -> NDArray[np.float32]:
    return np.asarray(result.mean if isinstance(result, HeadsResult) else result.rollout)


def _details(result: HeadsResult | RolloutResult) -> list[str]:
    if isinstance(result, RolloutResult):
        return ["attention rollout"]
    block, query, *_ = describe_heads(result)
    return ["mean of the heads", block, query]
