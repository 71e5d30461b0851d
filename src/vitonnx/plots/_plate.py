"""Many small pictures in one, side by side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["gap_of", "make_plate", "scale_each"]


def make_plate(pictures: NDArray[np.float32], *, gap: int, fill: float) -> NDArray[np.float32]:
    """Set pictures side by side, with gaps between them.

    Parameters
    ----------
    pictures : float32 (rows, columns, height, width, ...)
        One or more channels a pixel.
    gap : int
        Pixels between two pictures.
    fill : float
        What stands there.

    Returns
    -------
    float32 (plate height, plate width, ...)

    Examples
    --------
    >>> make_plate(np.ones((2, 3, 16, 24, 4)), gap=2, fill=0).shape
    (34, 76, 4)
    >>> make_plate(np.arange(4).reshape(1, 2, 1, 2), gap=1, fill=9)
    array([[0, 1, 9, 2, 3]])
    """
    rows, columns, height, width, *channels = pictures.shape
    shape = rows, height + gap, columns, width + gap, *channels
    plate = np.full(shape, fill, pictures.dtype)
    plate[:, :height, :, :width] = np.swapaxes(pictures, 1, 2)
    whole = plate.reshape(rows * (height + gap), columns * (width + gap), *channels)
    return whole[: -gap or None, : -gap or None]


def gap_of(height: int) -> int:
    """Give the gap that looks right below pictures of this height: an eighth."""
    return max(1, height // 8)


def scale_each(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale each picture by itself, from its lowest to its highest value, to 0 to 1.

    Parameters
    ----------
    pictures : float32 (count, height, width, channels)
        All channels of a picture are scaled alike, so that grey stays grey.

    Returns
    -------
    float32 (count, height, width, channels)
        A picture of one value only is black.

    Examples
    --------
    >>> scale_each(np.array([-1, 0, 3], np.float32).reshape(1, 1, 1, 3))
    array([[[[0.  , 0.25, 1.  ]]]], dtype=float32)
    """
    low = pictures.min(axis=(1, 2, 3), keepdims=True)
    spread = pictures.max(axis=(1, 2, 3), keepdims=True) - low
    scaled: NDArray[np.float32] = (pictures - low) / np.where(spread > 0, spread, 1)
    return scaled
