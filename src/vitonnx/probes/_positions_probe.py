"""The probe ``positions``: how alike the position embeddings of the patches are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import array_api_compat

from vitonnx.errors import UsageError
from vitonnx.layout import Layout
from vitonnx.probes._arrays import Array
from vitonnx.probes._positions import Metric, check_metric, position_similarity

__all__ = ["Positions", "PositionsResult"]

POSITIONS = "position_embedding"


@dataclass(frozen=True, eq=False, kw_only=True)
class PositionsResult:
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


@dataclass(frozen=True)
class Positions:
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

    metric: Metric = "cosine"

    name: ClassVar[str] = "positions"

    def __post_init__(self) -> None:
        check_metric(self.metric)

    def reads(self, layout: Layout) -> tuple[str, ...]:
        """Name the one weight that is read: the position embedding.

        Raises
        ------
        UsageError
            If the model has none.
        """
        _grid(layout)
        return (POSITIONS,)

    def compute(self, weights: Mapping[str, Array], layout: Layout) -> PositionsResult:
        """Make the result.

        Parameters
        ----------
        weights : mapping of str to array
            Holds the position embedding, (positions, dim).
        layout : Layout
            The model's.

        Raises
        ------
        UsageError
            If the embedding doesn't fit the layout.
        """
        grid, embedding = _grid(layout), weights[POSITIONS]
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
