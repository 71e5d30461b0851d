"""Classes by the nearest neighbours' votes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["nearest_neighbours"]

AT_ONCE = 256  # queries: their similarities with all the known are held at a time


def nearest_neighbours(
    known: NDArray[np.floating],
    labels: NDArray[np.integer],
    queries: NDArray[np.floating],
    *,
    classes: int,
    neighbours: int = 20,
    temperature: float = 0.07,
) -> NDArray[np.int64]:
    """Classify embeddings by the labels of their nearest neighbours.

    Each of the nearest, by cosine similarity, votes for its class with the weight
    exp(similarity / temperature).

    Parameters
    ----------
    known : (pictures, dim)
        Embeddings of known label.
    labels : int (pictures,)
        Theirs.
    queries : (count, dim)
        Embeddings to classify.
    classes : int
        Number of classes.
    neighbours : int
        Number of neighbours that vote; all, if fewer are known.
    temperature : float
        The lower, the more the very nearest count.

    Returns
    -------
    int64 (count,)

    References
    ----------
    Wu et al. 2018 (arXiv:1805.01978), section 3.4; Caron et al. 2021, section 3.2.

    Examples
    --------
    >>> known = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    >>> nearest_neighbours(known, np.array([4, 4, 2]), np.array([[0.1, 2.0]]), classes=5)
    array([2])
    """
    known, queries = _normalised(known), _normalised(queries)
    count = min(neighbours, len(known))
    found = np.empty(len(queries), np.int64)
    for start in range(0, len(queries), AT_ONCE):
        similarity = queries[start : start + AT_ONCE] @ known.T
        nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :count]
        weights = np.exp(np.take_along_axis(similarity, nearest, axis=1) / temperature)
        votes = np.zeros((len(similarity), classes))
        np.add.at(votes, (np.arange(len(similarity))[:, None], labels[nearest]), weights)
        found[start : start + AT_ONCE] = votes.argmax(axis=1)
    return found


def _normalised(embeddings: NDArray[np.floating]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return np.asarray(embeddings / np.maximum(lengths, 1e-12), np.float32)
