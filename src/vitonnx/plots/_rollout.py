"""The figure of the probe ``rollout``: the picture, and the map on it."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vitonnx.plots._arrange import GAP, GROUP
from vitonnx.plots._page import BAR_ROOM, LABEL, Page
from vitonnx.plots._scale import Scale
from vitonnx.plots._tile import aspect_of, draw_map, draw_picture, without_padding
from vitonnx.probes import WHOLE, Crop, RolloutResult

__all__ = ["describe_rollout", "plot_rollout"]

TILE = 2.8  # width in inches


def plot_rollout(
    pixels: NDArray[np.uint8],
    result: RolloutResult,
    *,
    model: str = "",
    file: str = "",
    prediction: str = "",
    note: str = "",
    inside: Crop = WHOLE,
) -> Figure:
    """Draw attention rollout on the pixels that the model saw, beside these pixels.

    The skip connections spread part of a rollout evenly, so its scale begins at the lowest patch
    rather than at 0; the colour bar says where. It is a whole page and takes no `ax`; `plot_map`
    does.

    Parameters
    ----------
    pixels : uint8 (height, width, 3)
        The model's input: the crop, as `vitonnx.engine.prepare` gives it.
    result : RolloutResult
        Of that picture.
    model, file, prediction : str
        For the caption; empty ones are left out.
    note : str
        A line in red below the caption, such as "untrained: random weights".
    inside : (left, top, right, bottom), optional
        See `plot_heads`.

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.

    Examples
    --------
    >>> result = RolloutResult(rollout=np.full((2, 3), 1 / 7, np.float32))
    >>> figure = plot_rollout(np.zeros((32, 48, 3), np.uint8), result, model="vit")
    >>> len(figure.axes)  # the picture, the map and the colour bar
    3
    """
    values = np.asarray(result.rollout)
    shown = without_padding(values, inside)
    scale = Scale.over(shown, low=float(shown.min()))
    height = TILE * aspect_of(pixels, inside)
    page = Page(
        2 * TILE + GAP + GROUP + BAR_ROOM,
        LABEL + height,
        title=model,
        details=[file, *describe_rollout(result), prediction and f"predicted: {prediction}"],
        note=note,
    )
    seen = page.tile(0, LABEL, TILE, height, label="what the model saw")
    overlay = page.tile(TILE + GAP, LABEL, TILE, height, label="attention rollout")
    draw_picture(seen, pixels, values.shape, inside)
    draw_map(overlay, pixels, values, scale, inside)
    page.colour_bar(2 * TILE + GAP + GROUP, LABEL, height, scale, "rollout weight")
    return page.figure


def describe_rollout(result: RolloutResult) -> list[str]:
    """Say in words what a result shows.

    Examples
    --------
    >>> describe_rollout(RolloutResult(rollout=None, fusion="max", discard=0.9))
    ['rollout of all blocks', 'fusion of heads: max', 'discarded: 90%']
    """
    discarded = [f"discarded: {result.discard:.0%}"] if result.discard else []
    return ["rollout of all blocks", f"fusion of heads: {result.fusion}", *discarded]
