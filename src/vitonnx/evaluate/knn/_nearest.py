"""The nearest neighbours in a bank, and what they vote for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitonnx.evaluate.knn._bank import Bank

__all__ = ["nearest", "ranks_by_votes"]

TEMPERATURE = 0.07
NO_VOTE = 2**31 - 1  # the rank of a label that nobody votes for
AT_ONCE = 2**13  # rows of the bank, that are widened to single precision


def nearest(
    bank: Bank, queries: NDArray[np.float32], count: int
) -> tuple[NDArray[np.float32], NDArray[np.uint64]]:
    """Find the nearest of a bank by cosine similarity, in memory that its length doesn't change.

    Parameters
    ----------
    bank : Bank
    queries : float32 (queries, dim)
        Of length 1.
    count : int
        How many neighbours, or all if there are fewer.

    Returns
    -------
    similarity : float32 (queries, neighbours)
        Of the nearest, the nearest first; of those that are equally near, the earlier in the bank.
    keys : uint64 (queries, neighbours)
        Of their labels.
    """
    rows = bank.rows
    near = np.empty((len(queries), 0), np.float32)
    places = np.empty((len(queries), 0), np.int64)
    for start in range(0, len(rows), AT_ONCE):
        known = rows["embedding"][start : start + AT_ONCE].astype(np.float32)
        near = np.concatenate([near, queries @ known.T], axis=1)
        own = np.broadcast_to(np.arange(start, start + len(known)), (len(queries), len(known)))
        places = np.concatenate([places, own], axis=1)
        if near.shape[1] > count:
            kept = _largest(near, count)
            near = near[kept].reshape(-1, count)
            places = places[kept].reshape(-1, count)
    order = np.argsort(-near, axis=1, kind="stable")
    near = np.take_along_axis(near, order, axis=1)
    places = np.take_along_axis(places, order, axis=1)
    keys: NDArray[np.uint64] = rows["key"][places] if places.size else places.astype(np.uint64)
    return near, keys


def _largest(values: NDArray[np.float32], count: int) -> NDArray[np.bool_]:
    """Mark so many of each row, and of equal ones the first, which leaves them in their order.

    Examples
    --------
    >>> _largest(np.float32([[5, 3, 3, 7, 3]]), 3)
    array([[ True,  True, False,  True, False]])
    """
    last = np.partition(values, -count, axis=1)[:, -count, None]
    above, equal = values > last, values == last
    left = count - above.sum(axis=1, keepdims=True)
    kept: NDArray[np.bool_] = above | (equal & (equal.cumsum(axis=1) <= left))
    return kept


def ranks_by_votes(
    similarity: NDArray[np.float32], keys: NDArray[Any], own: int, counts: tuple[int, ...]
) -> list[int]:
    """Count the labels that more votes are for than for a picture's own.

    Each neighbour votes for its label with the weight exp(similarity / 0.07). A label without a
    vote is behind all others; of as many votes, the label of the nearer neighbour is first.

    Parameters
    ----------
    similarity : float32 (neighbours,)
        Of the nearest, the nearest first.
    keys : uint64 (neighbours,)
        Of their labels.
    own : int
        Key of the picture's label.
    counts : tuple of int
        How many of the nearest vote.

    Returns
    -------
    list of int
        By count.

    References
    ----------
    Wu et al. 2018, arXiv:1805.01978, section 3.4; Caron et al. 2021, arXiv:2104.14294, and its
    code, ``eval_knn.py``.

    Examples
    --------
    >>> ranks_by_votes(np.float32([0.9, 0.8, 0.8]), np.uint64([4, 7, 7]), 7, (1, 3))
    [2147483647, 1]
    >>> ranks_by_votes(np.float32([0.9, 0.89, 0.89]), np.uint64([4, 7, 7]), 7, (3,))
    [0]
    """
    weights = np.exp(similarity.astype(np.float64) / TEMPERATURE)
    ranks = []
    for count in counts:
        labels, first, votes_of = np.unique(keys[:count], return_index=True, return_inverse=True)
        votes = np.bincount(votes_of, weights[:count])
        ranking = np.lexsort((first, -votes))
        (place,) = np.nonzero(labels[ranking] == own)
        ranks.append(int(place[0]) if len(place) else NO_VOTE)
    return ranks
