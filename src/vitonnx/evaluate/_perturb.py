"""Pictures that lose their pixels, the most relevant first or the least relevant first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, cast, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from vitonnx.errors import UsageError
from vitonnx.evaluate._window import Window

__all__ = ["Fill", "check_fill", "erased", "filling", "pixel_order"]

Fill: TypeAlias = Literal["mean", "blur", "black"]
"""What takes the place of removed pixels: the recipe's mean colour, the blurred picture, black."""

# Of the shorter side. RISE's 5 pixels at 224 leave most objects what they are, so that neither
# deletion nor insertion would find anything.
BLUR = 1 / 10


def check_fill(fill: str) -> Fill:
    """Raise a UsageError unless a fill exists."""
    if fill not in get_args(Fill):
        raise UsageError(f"fill {fill!r} is unknown; use {', '.join(get_args(Fill))}.")
    return cast("Fill", fill)


def filling(
    pixels: NDArray[np.uint8], window: Window, fill: Fill, mean: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Give the picture that all of the window's pixels are removed from.

    Parameters
    ----------
    pixels : uint8 (height, width, 3)
        The model's input.
    window : Window
        Its part that may be removed.
    fill : "mean", "blur" or "black"
        What takes its place. Blur is Gaussian, its deviation a tenth of the window's shorter side,
        and mixes in nothing from outside the window.
    mean : (red, green, blue)
        Mean colour of the recipe, from 0 to 255.

    References
    ----------
    Petsiuk et al. 2018, arXiv:1806.07421, section 4.3.
    """
    filled = pixels.copy()
    if fill == "blur":
        seen = np.ascontiguousarray(window.cut(pixels))
        filled[window.rows, window.columns] = cv2.GaussianBlur(
            seen, (0, 0), BLUR * min(seen.shape[:2]), borderType=cv2.BORDER_REPLICATE
        )
    else:
        filled[window.rows, window.columns] = mean if fill == "mean" else (0, 0, 0)
    return filled


def pixel_order(relevance: NDArray[np.float64], seed: int, picture: int) -> NDArray[np.int64]:
    """Sort pixels by relevance, the most relevant first; equal ones in a random order.

    Parameters
    ----------
    relevance : float64 (height, width)
        Of a window.
    seed, picture : int
        What the random order depends on.

    Returns
    -------
    int64 (height * width,)
        Indices into the window, row by row.
    """
    shuffled = np.random.default_rng([seed, picture, 1]).permutation(relevance.size)
    return shuffled[np.argsort(-relevance.ravel()[shuffled], kind="stable")]


def erased(
    pixels: NDArray[np.uint8],
    filled: NDArray[np.uint8],
    window: Window,
    order: NDArray[np.int64],
    shares: Sequence[float],
) -> NDArray[np.uint8]:
    """Remove the first pixels of an order, a share after the other.

    Parameters
    ----------
    pixels, filled : uint8 (height, width, 3)
        The model's input, and what `filling` makes of it.
    window : Window
        What `order` counts the pixels of.
    order : int64 (pixels of the window,)
    shares : sequence of float
        Shares of the window's pixels to remove.

    Returns
    -------
    uint8 (shares, height, width, 3)
    """
    made = np.repeat(pixels[None], len(shares), axis=0)
    seen, blank = np.array(window.cut(pixels)), window.cut(filled).reshape(-1, 3)
    for picture, share in zip(made, shares, strict=True):
        gone = order[: round(share * len(order))]
        left = seen.reshape(-1, 3).copy()
        left[gone] = blank[gone]
        picture[window.rows, window.columns] = left.reshape(seen.shape)
    return made
