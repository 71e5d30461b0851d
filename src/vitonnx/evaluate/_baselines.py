"""Maps that know nothing of the model, which every other must be better than."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["BASELINES", "centre_map", "random_map"]

BASELINES: Final = ("random", "centre")
"""Names of the maps that always stand beside those that are asked for."""


def random_map(grid: tuple[int, int], seed: int, picture: int) -> NDArray[np.float64]:
    """Draw a value between 0 and 1 for every patch: the same for a seed and a picture's number."""
    return np.random.default_rng([seed, picture]).random(grid)


def centre_map(grid: tuple[int, int]) -> NDArray[np.float64]:
    """Fall with the distance from the middle, from 1 to 0 in the corners: photographers centre.

    Examples
    --------
    >>> centre_map((1, 5))
    array([[0. , 0.5, 1. , 0.5, 0. ]])
    """
    rows, columns = (np.arange(side) - (side - 1) / 2 for side in grid)
    distance = np.hypot(rows[:, None], columns[None, :])
    return np.asarray(1 - distance / max(float(distance.max()), 1e-9), np.float64)
