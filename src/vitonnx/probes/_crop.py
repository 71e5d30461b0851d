"""What a model saw of a picture, and which of its patches show some of something."""

from __future__ import annotations

import math
from typing import TypeAlias

__all__ = ["WHOLE", "Crop", "cells_within"]

Crop: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom of what the model saw, in pixels of the picture."""

WHOLE: Crop = (0.0, 0.0, 1.0, 1.0)
"""All of something, in shares of its sides."""


def cells_within(inside: Crop, grid: tuple[int, int]) -> tuple[slice, slice]:
    """Find the rows and the columns of a grid that lie inside, at least in part.

    Parameters
    ----------
    inside : (left, top, right, bottom)
        In shares of the grid's sides.
    grid : (rows, columns)
        All of them.

    Examples
    --------
    >>> cells_within((0, 0.125, 1, 0.5), (4, 3))
    (slice(0, 2, None), slice(0, 3, None))
    """
    left, top, right, bottom = inside
    return _cells(top, bottom, grid[0]), _cells(left, right, grid[1])


def _cells(first: float, last: float, cells: int) -> slice:
    # A sliver that is there by floating point alone is no patch.
    return slice(math.floor(first * cells + 1e-6), math.ceil(last * cells - 1e-6))
