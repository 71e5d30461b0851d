"""The probe ``distance``: how far every head of every block looks."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import array_api_compat

from vitonnx.layout import Layout
from vitonnx.probes._arrays import Array
from vitonnx.probes._crop import Crop
from vitonnx.probes._distance import mean_attention_distance, token_distances
from vitonnx.probes._probe import Queries
from vitonnx.probes._summary import Summary

__all__ = ["Distance", "DistanceResult"]


@dataclass(frozen=True, eq=False, kw_only=True)
class DistanceResult:
    """How far every head looks, in one picture.

    Parameters
    ----------
    distance : float64 (blocks, heads)
        In pixels of the model's input.
    """

    distance: Array


@dataclass(frozen=True)
class Distance:
    """Mean attention distance of every head of every block.

    Parameters
    ----------
    renormalize : bool
        Whether a patch's attention to the patches is rescaled to sum to 1 once all other tokens
        are left out; not so by default, as published.

    References
    ----------
    Dosovitskiy et al. 2021, arXiv:2010.11929, appendix D.7. Raghu et al. 2021, arXiv:2108.08810.

    Examples
    --------
    >>> import numpy as np
    >>> vit = Layout(grid=(1, 2), patch_size=16, prefix_tokens=("cls",), blocks=1, heads=3)
    >>> attention = {"block_00/attention": np.full((5, 3, 3, 3), 1 / 3)}
    >>> total = Distance().summary(Distance().compute(attention, vit, [0] * 5))
    >>> total.count, total.mean.round(2).tolist()
    (5, [[5.33, 5.33, 5.33]])
    """

    renormalize: bool = False

    name: ClassVar[str] = "distance"

    def reads(self, layout: Layout) -> tuple[str, ...]:
        """Name the outputs that are read: the attention of all blocks."""
        return tuple(layout.attention(block) for block in range(layout.blocks))

    def token(self, layout: Layout, crop: Crop) -> int | None:
        """Give None in every picture: all patches are asked."""
        return None

    def compute(
        self, outputs: Mapping[str, Array], layout: Layout, queries: Sequence[int | None]
    ) -> list[DistanceResult]:
        """Make one result for each picture of a batch.

        Parameters
        ----------
        outputs : mapping of str to array
            Holds the attention of all blocks, (batch, heads, tokens, tokens).
        layout : Layout
            The model's.
        queries : sequence of int or None
            What `token` gave for each picture: None for all.
        """
        return self.results(self.condense(outputs, layout, None), layout, queries)

    @property
    def located(self) -> bool:
        """No: all patches are asked."""
        return False

    def condense(self, outputs: Mapping[str, Array], layout: Layout, queries: Queries) -> Array:
        """Give float64 (batch, blocks, heads): distances in pixels."""
        names = self.reads(layout)
        distances = token_distances(
            layout.grid,
            patch_size=layout.patch_size,
            prefix=layout.prefix,
            suffix=layout.suffix,
            like=outputs[names[0]],
        )
        blocks = [
            mean_attention_distance(
                outputs[name],
                grid=layout.grid,
                patch_size=layout.patch_size,
                prefix=layout.prefix,
                suffix=layout.suffix,
                renormalize=self.renormalize,
                distances=distances,
            )
            for name in names
        ]
        return array_api_compat.array_namespace(*blocks).stack(blocks, axis=1)

    def results(
        self, condensed: Array, layout: Layout, queries: Sequence[int | None]
    ) -> list[DistanceResult]:
        """Make one result for each picture of a batch."""
        return [DistanceResult(distance=condensed[picture, ...]) for picture in range(len(queries))]

    def shape(self, layout: Layout) -> tuple[int, int]:
        """Give the shape of a summary: (blocks, heads)."""
        return layout.blocks, layout.heads

    def largest(self, layout: Layout) -> float:
        """Give the largest distance of two patches, in pixels."""
        rows, columns = (layout.patch_size * (side - 1) for side in layout.grid)
        return math.hypot(rows, columns)

    def summary(self, results: Sequence[DistanceResult] = ()) -> Summary:
        """Sum up results; summaries of further pictures can be merged into it."""
        parts = (Summary.of(result.distance) for result in results)
        return functools.reduce(Summary.merge, parts, Summary())
