"""Draw pictures of every class: a share of them for validation, or so many for training."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["draw_evenly", "draw_share"]

VALIDATION_SHARE: Final = 0.1
"""Of the pictures of each class, where a dataset has none of its own for validation."""


def draw_share(labels: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.bool_]:
    """Draw the validation pictures of a dataset: of every class the same share.

    Parameters
    ----------
    labels : int64 (pictures,)
        Class of each picture.
    generator : numpy.random.Generator
        Draws them.

    Returns
    -------
    bool (pictures,)
        True for `VALIDATION_SHARE` of each class, rounded, and for at least one picture of each
        class that has two.

    Examples
    --------
    >>> labels = np.array([0] * 20 + [1] * 3 + [2])
    >>> np.bincount(labels[draw_share(labels, np.random.default_rng(0))]).tolist()
    [2, 1]
    """
    counts = np.bincount(labels)
    shares = np.where(counts < 2, 0, np.maximum(1, np.rint(VALIDATION_SHARE * counts)))
    return _places(labels, generator) < shares[labels]


def draw_evenly(
    labels: NDArray[np.int64], count: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Draw so many pictures at most, of every class the same number as long as they last.

    Parameters
    ----------
    labels : int64 (pictures,)
        Class of each picture.
    count : int
        Number of pictures to draw.
    generator : numpy.random.Generator
        Draws them.

    Returns
    -------
    int64 (drawn,)
        Indices of the pictures drawn, in order.

    Examples
    --------
    >>> labels = np.array([0] * 20 + [1] * 3)
    >>> np.bincount(labels[draw_evenly(labels, 8, np.random.default_rng(0))]).tolist()
    [5, 3]
    """
    return np.sort(np.argsort(_places(labels, generator), kind="stable")[:count])


def _places(labels: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
    """Shuffle each class, and give every picture's place in its own, from 0."""
    shuffled = generator.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    counts = np.bincount(labels)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    places = np.empty(len(labels), np.int64)
    places[by_class] = np.arange(len(labels)) - starts
    return places
