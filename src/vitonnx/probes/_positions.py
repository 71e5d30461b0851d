"""The probe ``positions``: how alike the position embeddings of the patches are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import array_api_compat

from vitonnx.contract import POSITION_EMBEDDING
from vitonnx.errors import UsageError
from vitonnx.layout import Layout
from vitonnx.probes._arrays import Array
from vitonnx.probes._finding import Matrix
from vitonnx.probes._option import option
from vitonnx.probes._probe import WeightProbe
from vitonnx.probes._result import Found

__all__ = ["Metric", "Positions", "PositionsResult", "position_similarity"]


Metric = Literal["cosine", "dot"]


@dataclass(frozen=True, eq=False, kw_only=True)
class PositionsResult(Found):
    """How alike the position embeddings of the patches are.

    Parameters
    ----------
    similarity : float32 (patches, patches)
        Of every patch with every other; prefix tokens are left out.
    grid : (rows, columns)
        Of these patches: the checkpoint's own grid, whatever size the file was exported at.
    metric : "cosine" or "dot"
        The probe's.
    """

    similarity: Array
    grid: tuple[int, int]
    metric: Metric

    @property
    def finding(self) -> Matrix:
        """The matrix, and the grid of the patches that it compares."""
        return Matrix(
            values=self.similarity,
            unit="cosine similarity" if self.metric == "cosine" else "dot product",
            item="patch, row by row",
            details=("position embeddings of the patches",),
            # So that models can be compared; the dot product has no bounds.
            bounds=(-1.0, 1.0) if self.metric == "cosine" else None,
            grid=self.grid,
        )


@dataclass(frozen=True)
class Positions(WeightProbe[PositionsResult]):
    """Similarity of the position embeddings of all patches.

    Parameters
    ----------
    metric : "cosine" or "dot"
        The cosine of the angle, or the dot product.

    Raises
    ------
    UsageError
        If there is no such metric.

    References
    ----------
    Dosovitskiy et al. 2021, arXiv:2010.11929, Fig. 7 centre.

    Examples
    --------
    >>> import numpy as np
    >>> vit = Layout(grid=(2, 3), patch_size=16, prefix_tokens=("cls",), blocks=12, heads=6,
    ...              position_grid=(2, 3), position_prefix=("cls",))
    >>> result = Positions().compute({"position_embedding": np.eye(7)}, vit)
    >>> result.similarity.shape  # the class token is left out
    (6, 6)
    """

    name: ClassVar[str] = "positions"
    help: ClassVar[str] = "Show how alike position embeddings are. Needs no picture."
    purpose: ClassVar[str] = (
        "See whether the model has learned where patches lie: each is then most like its "
        "neighbours, its row and its column."
    )
    example: ClassVar[str] = "--metric cosine"
    gives = Matrix

    metric: Metric = option("cosine", "Compare by the cosine of the angle, or by the dot product.")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_metric(self.metric)

    def reads(self, layout: Layout) -> tuple[str, ...]:
        """Name the one weight that is read: the position embedding.

        Raises
        ------
        UsageError
            If the model has none.
        """
        _grid(layout)
        return (POSITION_EMBEDDING,)

    def compute(self, weights: Mapping[str, Array], layout: Layout) -> PositionsResult:
        """Make the result of the position embedding, (positions, dim).

        Raises
        ------
        UsageError
            If the embedding doesn't fit the layout.
        """
        grid, embedding = _grid(layout), weights[POSITION_EMBEDDING]
        xp = array_api_compat.array_namespace(embedding)
        similarity = position_similarity(
            xp.astype(embedding, xp.float32),
            grid=grid,
            prefix=len(layout.position_prefix),
            metric=self.metric,
        )
        return PositionsResult(similarity=similarity, grid=grid, metric=self.metric)


def _grid(layout: Layout) -> tuple[int, int]:
    """Give the grid of the position embedding; refuse a model without one."""
    if layout.position_grid is None:
        raise UsageError(
            "the model has no position embedding to compare: it knows positions by rotation or by "
            "relative bias, or not at all."
        )
    return layout.position_grid


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
