"""How alike the position embeddings of the patches are."""

from __future__ import annotations

import math
from typing import Literal, get_args

import array_api_compat

from vitonnx.errors import UsageError
from vitonnx.probes._arrays import Array

__all__ = ["Metric", "check_metric", "position_similarity"]

Metric = Literal["cosine", "dot"]


def position_similarity(
    position_embedding: Array, *, grid: tuple[int, int], prefix: int, metric: Metric = "cosine"
) -> Array:
    """Compare the position embedding of every patch with those of all others.

    Parameters
    ----------
    position_embedding : (positions, dim)
        The rows of prefix tokens first, then the patches row by row.
    grid : (rows, columns)
        Of patches that have a row.
    prefix : int
        Rows of prefix tokens, which are left out. Tokens without a row, as registers are in most
        models, don't count.
    metric : "cosine" or "dot"
        The cosine of the angle, -1 to 1, or the dot product. With a row of zeros both are 0.

    Returns
    -------
    (patches, patches), the input's namespace and dtype
        Symmetric. ``similarity[i]``, folded into the grid, is the tile of patch i.

    Raises
    ------
    UsageError
        If the shapes don't fit, or there is no such metric.

    References
    ----------
    Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words", arXiv:2010.11929, Fig. 7 centre,
    which shows the cosine. probing-vits shows the dot product.

    Examples
    --------
    >>> import numpy as np
    >>> embedding = np.asarray([[9.0, 9.0], [3.0, 4.0], [0.0, 2.0]])
    >>> position_similarity(embedding, grid=(1, 2), prefix=1)
    array([[1. , 0.8],
           [0.8, 1. ]])
    >>> position_similarity(embedding, grid=(1, 2), prefix=1, metric="dot")
    array([[25.,  8.],
           [ 8.,  4.]])
    """
    check_metric(metric)
    shape, expected = tuple(position_embedding.shape), prefix + math.prod(grid)
    if len(shape) != 2 or shape[0] != expected:
        raise UsageError(
            f"position_similarity: the embedding has shape {shape}; a grid of {grid[0]}x{grid[1]} "
            f"with {prefix} rows of prefix tokens needs ({expected}, dim)."
        )
    xp = array_api_compat.array_namespace(position_embedding)
    # Doubles, so that every patch is like itself: 1, and not 0.9999999.
    patches = xp.astype(position_embedding[prefix:, :], xp.float64)
    if metric == "cosine":
        length = xp.sqrt(xp.sum(patches**2, axis=1, keepdims=True))
        patches = patches / xp.where(length > 0, length, 1.0)
    return xp.astype(patches @ patches.T, position_embedding.dtype)


def check_metric(metric: str) -> None:
    """Raise a UsageError unless the metric exists."""
    if metric not in get_args(Metric):
        raise UsageError(f"metric {metric!r} is unknown; there are {', '.join(get_args(Metric))}.")
