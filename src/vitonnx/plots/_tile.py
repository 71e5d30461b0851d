"""What is drawn into one tile of a figure, in units of patches."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from vitonnx.plots._scale import Scale
from vitonnx.probes import WHOLE, Crop, cells_within

__all__ = [
    "LAID_OVER",
    "aspect_of",
    "draw_colours",
    "draw_map",
    "draw_picture",
    "mark_patch",
    "outline_patches",
    "without_padding",
]

Number = TypeVar("Number", bound=np.number)

MARK = "#4de8ff"

# Brightness of red, green and blue (ITU-R BT.601), and the range that a picture keeps below a map.
LUMA = np.array([0.299, 0.587, 0.114]) / 255
DARKEST, LIGHTEST = 0.15, 0.9

LAID_OVER = 0.6  # how much of the picture is hidden by colours that mean no number


def aspect_of(pixels: NDArray[np.uint8], inside: Crop) -> float:
    """Give the height of what is picture over its width."""
    left, top, right, bottom = inside
    height, width, _ = pixels.shape
    ratio: float = height * (bottom - top) / (width * (right - left))
    return ratio


def without_padding(values: NDArray[Number], inside: Crop) -> NDArray[Number]:
    """Give those values of maps, (…, rows, columns), whose patches show some of the picture.

    Examples
    --------
    >>> without_padding(np.arange(12.0).reshape(4, 3), (0, 0.125, 1, 0.5))
    array([[0., 1., 2.],
           [3., 4., 5.]])
    """
    rows, columns = cells_within(inside, values.shape[-2:])
    return values[..., rows, columns]


def draw_picture(
    axes: Axes, pixels: NDArray[np.uint8], grid: tuple[int, ...], inside: Crop = WHOLE
) -> None:
    """Draw the pixels that the model saw, in their colours, without padding."""
    axes.imshow(pixels, **_placed(grid))
    _look_at(axes, grid, inside)


def draw_map(
    axes: Axes,
    pixels: NDArray[np.uint8],
    values: NDArray[np.float32],
    scale: Scale,
    inside: Crop = WHOLE,
) -> None:
    """Lay a map over the pixels that the model saw, in grey.

    Parameters
    ----------
    axes : Axes
        Of one tile.
    pixels : uint8 (height, width, 3)
        The model's input.
    values : (rows, columns)
        The map, raw.
    scale : Scale
        Its colours.
    inside : (left, top, right, bottom)
        What of the input is picture, in shares of its sides; the padding is left out.
    """
    _draw_grey(axes, pixels, values.shape)
    # Clipped before they are interpolated, or a sink would spread over its neighbours.
    clipped = np.clip(values, scale.low, scale.high)
    axes.imshow(clipped, cmap=scale.overlay, norm=scale.norm, **_placed(values.shape))
    _look_at(axes, values.shape, inside)


def draw_colours(
    axes: Axes,
    colours: NDArray[np.floating],
    inside: Crop = WHOLE,
    *,
    over: NDArray[np.uint8] | None = None,
    smooth: bool = True,
) -> None:
    """Draw a colour for each patch.

    Parameters
    ----------
    axes : Axes
        Of one tile.
    colours : (rows, columns, 3 or 4)
        Red, green, blue, and how much they hide, from 0 to 1.
    inside : (left, top, right, bottom)
        See `draw_map`.
    over : uint8 (height, width, 3), optional
        The model's input, which is drawn in grey below them.
    smooth : bool
        Whether colours go over into each other between the middles of patches.
    """
    grid = colours.shape[:2]
    if over is not None:
        _draw_grey(axes, over, grid)
    axes.imshow(colours, **_placed(grid) | ({} if smooth else {"interpolation": "nearest"}))
    _look_at(axes, grid, inside)


def outline_patches(axes: Axes, mask: NDArray[np.bool_]) -> None:
    """Draw a line round the patches of a mask, along their edges.

    Parameters
    ----------
    axes : Axes
        Of one tile.
    mask : bool (rows, columns)
        True inside.
    """
    padded = np.pad(mask, 1)
    # An edge lies wherever two neighbours differ.
    across = [
        [(column, row), (column + 1, row)]
        for row, column in np.argwhere(padded[1:, 1:-1] != padded[:-1, 1:-1])
    ]
    down = [
        [(column, row), (column, row + 1)]
        for row, column in np.argwhere(padded[1:-1, 1:] != padded[1:-1, :-1])
    ]
    axes.add_collection(
        LineCollection(across + down, colors=MARK, linewidths=0.6, capstyle="projecting"),
        autolim=False,
    )


def mark_patch(axes: Axes, patch: tuple[int, int]) -> None:
    """Draw a frame round the patch at (row, column)."""
    row, column = patch
    frame = Rectangle((column, row), 1, 1, fill=False, edgecolor=MARK, linewidth=1.5)
    axes.add_patch(frame)


def _draw_grey(axes: Axes, pixels: NDArray[np.uint8], grid: tuple[int, ...]) -> None:
    grey = DARKEST + (LIGHTEST - DARKEST) * (pixels @ LUMA)
    axes.imshow(grey, cmap="gray", vmin=0, vmax=1, **_placed(grid))


def _look_at(axes: Axes, grid: tuple[int, ...], inside: Crop) -> None:
    """Show what is picture, and nothing beyond it."""
    rows, columns = grid
    left, top, right, bottom = inside
    axes.set_xlim(left * columns, right * columns)
    axes.set_ylim(bottom * rows, top * rows)


def _placed(grid: tuple[int, ...]) -> dict[str, Any]:
    """Fill the tile, patch (0, 0) at the top left."""
    rows, columns = grid
    return {
        "extent": (0, columns, rows, 0),
        "origin": "upper",
        "aspect": "auto",
        # Catmull and Rom's cubic: every pixel and every patch has its own value at its centre.
        # What matplotlib calls bicubic flattens peaks.
        "interpolation": "catrom",
    }
