"""How well a map outlines an object, scored as ImageNet-Segmentation is."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["COUNTS", "SCORES", "average_precision", "count_picture", "mean_iou", "pixel_accuracy"]

SCORES: Final = ("pointing game", "mean IoU", "pixel accuracy", "average precision")
"""Scores of one map against masks."""

COUNTS: Final = 8
"""Numbers that `count_picture` gives."""


def count_picture(
    relevance: NDArray[np.float64], mask: NDArray[np.bool_], first: int
) -> NDArray[np.float64]:
    """Compare a map with the mask of a picture.

    Parameters
    ----------
    relevance : float64 (height, width)
        The map, of the picture's pixels.
    mask : bool (height, width)
        True where the object is.
    first : int
        Index of the map's largest value, row by row.

    Returns
    -------
    float64 (8,)
        Whether the largest value lies on the object; of background and of foreground, how many
        pixels both map and mask have, and how many either has; how many pixels are right, and how
        many there are; the average precision. A pixel is foreground of the map if its value is
        above the map's mean.

    References
    ----------
    Zhang et al. 2018, "Top-Down Neural Attention by Excitation Backprop" (the pointing game,
    here without tolerance); Chefer et al. 2021, arXiv:2012.09838, section 4, and their code:
    intersections and unions add up over all pictures, and average precision is that of the
    foreground by the map, scaled from 0 to 1, and of the background by one minus the map, together.
    """
    low, high = relevance.min(), relevance.max()
    scaled = (relevance - low) / (high - low) if high > low else np.zeros_like(relevance)
    marked = scaled > scaled.mean()
    both = [(~marked & ~mask).sum(), (marked & mask).sum()]
    either = [(~marked | ~mask).sum(), (marked | mask).sum()]
    precision = average_precision(
        np.concatenate([scaled.ravel(), 1 - scaled.ravel()]),
        np.concatenate([mask.ravel(), ~mask.ravel()]),
    )
    hit = mask.ravel()[first]
    return np.array([hit, both[0], either[0], both[1], either[1], sum(both), mask.size, precision])


def mean_iou(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the mean over background and foreground of what both have, of what either has.

    Parameters
    ----------
    means : float64 (..., 8)
        Sums, or means, of `count_picture` over pictures.
    """
    both, either = means[..., [1, 3]], means[..., [2, 4]]
    # Of what neither has, nothing is right.
    return np.asarray((both / np.maximum(either, 1e-9)).mean(axis=-1))


def pixel_accuracy(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the share of pixels that are right; see `mean_iou`."""
    return np.asarray(means[..., 5] / means[..., 6])


def average_precision(scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """Sum up precision over the steps in recall, at every score that there is.

    Examples
    --------
    >>> average_precision(np.array([0.9, 0.8, 0.7]), np.array([True, False, True]))
    0.8333333333333333
    """
    order = np.argsort(-scores, kind="stable")
    ranked, right = scores[order], np.cumsum(truth[order])
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)  # of equal scores
    recall, precision = right[last] / right[-1], right[last] / (last + 1)
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))
