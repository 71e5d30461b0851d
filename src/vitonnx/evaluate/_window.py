"""The part of the input that the patches show and that is picture: nothing else is judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from vitonnx.engine import Prepared

__all__ = ["Window"]


@dataclass(frozen=True)
class Window:
    """A rectangle of the input, in pixels.

    Parameters
    ----------
    covered : (height, width)
        Part of the input that is cut into patches, from its top left corner.
    rows, columns : slice
        The rectangle: what of that is picture, and no padding.
    """

    covered: tuple[int, int]
    rows: slice
    columns: slice

    @classmethod
    def of(cls, picture: Prepared) -> Self:
        """Find the window of a picture that is ready."""
        height, width, _ = picture.covered.shape
        left, top, right, bottom = picture.inside
        return cls((height, width), _pixels(top, bottom, height), _pixels(left, right, width))

    def cut(self, pixels: NDArray[np.generic]) -> NDArray[np.generic]:
        """Cut the rectangle out of an array (height, width, ...)."""
        return pixels[self.rows, self.columns]

    def enlarge(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Enlarge a map of the patches bilinearly to their pixels, and cut the rectangle out.

        Parameters
        ----------
        values : (rows, columns)
            The map. A value stands at the middle of its patch; beyond the outermost middles it
            stays the same.

        Examples
        --------
        >>> Window((1, 8), slice(0, 1), slice(2, 8)).enlarge(np.array([[0.0, 4.0]]))
        array([[0.5, 1.5, 2.5, 3.5, 4. , 4. ]])
        """
        height, width = self.covered
        wide = np.ascontiguousarray(values, np.float64)
        large = cv2.resize(wide, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(self.cut(large), np.float64)


def _pixels(first: float, last: float, side: int) -> slice:
    """Give the pixels between two shares of a side: at least one."""
    start = min(round(first * side), side - 1)
    return slice(start, max(round(last * side), start + 1))
