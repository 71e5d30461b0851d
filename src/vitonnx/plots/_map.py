"""One map alone, on the pixels that the model saw."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vitonnx.errors import UsageError
from vitonnx.plots._axes import axes_for, draw_bar, key_beside
from vitonnx.plots._entry import map_of, scale_of, unit_of
from vitonnx.plots._heads import masks_of
from vitonnx.plots._tile import aspect_of, draw_map, mark_patch, outline_patches
from vitonnx.probes import WHOLE, Crop, HeadsResult, RolloutResult

__all__ = ["plot_map"]

WIDTH, KEY, MARGINS = 3.0, 0.65, 0.09  # of the map, the colour bar with its numbers, in inches


def plot_map(
    pixels: NDArray[np.uint8],
    result: HeadsResult | RolloutResult,
    *,
    head: int | None = None,
    inside: Crop = WHOLE,
    ax: Axes | None = None,
) -> Figure:
    """Draw one map on the pixels that the model saw: a rollout, a head, or the mean of the heads.

    All heads of a result share the scale of `plot_heads`, so that their colours can be compared.

    Parameters
    ----------
    pixels : uint8 (height, width, 3)
        The model's input: the crop, as `vitonnx.engine.prepare` gives it.
    result : HeadsResult or RolloutResult
        Of that picture.
    head : int, optional
        Which head; the mean by default.
    inside : (left, top, right, bottom), optional
        See `plot_heads`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own by default.

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot, or that of `ax`.

    Raises
    ------
    UsageError
        If there is no such head, or a rollout is asked for one.

    Examples
    --------
    >>> result = RolloutResult(rollout=np.full((2, 3), 1 / 7, np.float32))
    >>> figure = plot_map(np.zeros((32, 48, 3), np.uint8), result)
    >>> len(figure.axes[0].get_images())  # the picture in grey, and the map
    2
    """
    values, mask = _chosen(result, head)
    height, width, _ = pixels.shape
    tall = WIDTH * aspect_of(pixels, inside)
    figure, axes = axes_for(ax, (WIDTH + KEY + MARGINS, tall + MARGINS))
    scale = scale_of(result, inside)
    draw_map(axes, pixels, values, scale, inside)
    rows, columns = values.shape
    axes.set_aspect(height * columns / (width * rows))
    axes.set_axis_off()
    if mask is not None:
        outline_patches(axes, mask)
    if isinstance(result, HeadsResult) and result.patch is not None:
        mark_patch(axes, result.patch)
    draw_bar(key_beside(axes), scale, unit_of(result))
    return figure


def _chosen(
    result: HeadsResult | RolloutResult, head: int | None
) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
    """Give the map that is asked for, and its mask if it has one."""
    if isinstance(result, RolloutResult):
        if head is not None:
            raise UsageError("a rollout goes through all heads at once: leave the head out.")
        return map_of(result), None
    if head is None:
        return map_of(result), masks_of(result)[0]
    heads = len(result.attention)
    if not 0 <= head < heads:
        raise UsageError(f"there is no head {head}; the model has heads 0 to {heads - 1}.")
    return np.asarray(result.attention)[head], masks_of(result)[1 + head]
