"""The probe ``distance``: how far every head of every block looks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import array_api_compat

from vitonnx.errors import UsageError
from vitonnx.layout import Layout
from vitonnx.probes._adding import TableProbe
from vitonnx.probes._arrays import Array, check_attention
from vitonnx.probes._finding import Table
from vitonnx.probes._option import option
from vitonnx.probes._patches import others
from vitonnx.probes._probe import Queries
from vitonnx.probes._result import PictureResult

__all__ = ["Distance", "DistanceResult", "mean_attention_distance", "token_distances"]


@dataclass(frozen=True, eq=False, kw_only=True)
class DistanceResult(PictureResult):
    """How far every head looks, in one picture.

    Parameters
    ----------
    distance : float64 (blocks, heads)
        In pixels of the model's input.
    """

    distance: Array

    @property
    def finding(self) -> Table:
        """The distances."""
        return Table(values=self.distance, unit=Distance.unit, title=Distance.title)


@dataclass(frozen=True)
class Distance(TableProbe[DistanceResult]):
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
    >>> total = Distance().summary(Distance().compute(attention, vit, [None] * 5))
    >>> total.count, total.mean.round(2).tolist()
    (5, [[5.33, 5.33, 5.33]])
    """

    name: ClassVar[str] = "distance"
    help: ClassVar[str] = "Measure how far every head of every block looks, over many pictures."
    purpose: ClassVar[str] = (
        "See which heads look at their neighbourhood and which across the picture, as small and "
        "large filters do."
    )
    example: ClassVar[str] = "--limit 1000 --seed 0"
    unit: ClassVar[str] = "mean attention distance (pixels)"
    title: ClassVar[str] = "Mean attention distance"

    renormalize: bool = option(
        False, "Rescale attention to sum to 1 over the patches; the papers don't."
    )

    @property
    def details(self) -> tuple[str, ...]:
        """Whether attention is rescaled."""
        return ("attention rescaled over the patches",) if self.renormalize else ()

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

    def result(self, condensed: Array, layout: Layout, query: int | None) -> DistanceResult:
        """Make the result of one picture, of its (blocks, heads)."""
        return DistanceResult(distance=condensed)

    def largest(self, layout: Layout) -> float:
        """Give the largest distance of two patches, in pixels."""
        rows, columns = (layout.patch_size * (side - 1) for side in layout.grid)
        return math.hypot(rows, columns)


def mean_attention_distance(
    attention: Array,
    *,
    grid: tuple[int, int],
    patch_size: int,
    prefix: int,
    suffix: int = 0,
    renormalize: bool = False,
    distances: Array | None = None,
) -> Array:
    """Average the distance between query and key patch, weighted by attention.

    The distance is that of the patches' centres. It is summed over the key patches and averaged
    over the query patches; other tokens have no place, and are left out on both sides.

    Parameters
    ----------
    attention : (batch, heads, tokens, tokens)
        Softmax weights, queries before keys; rows sum to 1.
    grid : (rows, columns)
        Of patches.
    patch_size : int
        Side of a patch, in pixels.
    prefix : int
        Tokens in front of the patches.
    suffix : int
        Tokens behind the patches.
    renormalize : bool
        Whether what a patch pays to the patches is rescaled to sum to 1. Not so by default, as
        published: what goes to another token then counts as distance 0.
    distances : (tokens, tokens), optional
        What `token_distances` gives, where it is at hand: the same serves all blocks.

    Returns
    -------
    float64 (batch, heads), the input's namespace
        In pixels of the model's input.

    Raises
    ------
    UsageError
        If a shape doesn't fit.

    Notes
    -----
    The numbers are those of the notebooks of probing-vits wherever these give any. They say that
    the weights of a query add to 1 after the prefix columns are dropped, which they don't (see
    `renormalize`); they take the side of the grid to be the root of the number of patches, so
    rectangles fail, or, where that number happens to be a square, are folded wrongly; and they
    drop two tokens for distilled models and one for all others, so registers count as patches.

    References
    ----------
    Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words", arXiv:2010.11929, appendix D.7.
    Raghu et al. 2021, "Do Vision Transformers See Like Convolutional Neural Networks?",
    arXiv:2108.08810, section 4. Gosthipaty & Paul 2022, probing-vits.

    Examples
    --------
    Two patches of 16 pixels and a class token; the first patch looks at the second with 0.25, and
    the second at the first with 0.5:

    >>> import numpy as np
    >>> attention = np.asarray([[[[0.4, 0.3, 0.3], [0.5, 0.25, 0.25], [0.0, 0.5, 0.5]]]])
    >>> mean_attention_distance(attention, grid=(1, 2), patch_size=16, prefix=1)
    array([[6.]])
    >>> mean_attention_distance(attention, grid=(1, 2), patch_size=16, prefix=1, renormalize=True)
    array([[8.]])
    """
    check_attention(attention, caller="mean_attention_distance")
    rows, columns = grid
    expected = prefix + rows * columns + suffix
    if attention.shape[-1] != expected:
        raise UsageError(
            f"mean_attention_distance: attention has {attention.shape[-1]} tokens; a grid of "
            f"{rows}x{columns} with {others(prefix, suffix)} has {expected}. "
            "Give the grid, the prefix and the suffix of the model."
        )
    xp = array_api_compat.array_namespace(attention)
    if distances is None:
        distances = token_distances(
            grid, patch_size=patch_size, prefix=prefix, suffix=suffix, like=attention
        )
    # Not as a product of matrices: runtimes are several times slower at a product with one column.
    reach = xp.sum(attention * distances, axis=-1)
    if renormalize:
        paid = xp.sum(attention[..., prefix : expected - suffix], axis=-1, dtype=distances.dtype)
        # A query that pays the patches nothing reaches nowhere.
        reach = reach / xp.where(paid > 0, paid, xp.ones_like(paid))
    # Doubles from here on, so that thousands of queries add up without loss. All other tokens are
    # among them, with a reach of 0.
    return xp.sum(xp.astype(reach, xp.float64), axis=-1) / (rows * columns)


def token_distances(
    grid: tuple[int, int], *, patch_size: int, prefix: int, suffix: int = 0, like: Array
) -> Array:
    """Measure between all tokens; those that are no patches have 0 to and from all others.

    Parameters
    ----------
    grid : (rows, columns)
        Of patches.
    patch_size : int
        Side of a patch, in pixels.
    prefix : int
        Tokens in front of the patches.
    suffix : int
        Tokens behind the patches.
    like : array
        The distances are of its namespace, device and dtype, or single precision where that is
        half.

    Returns
    -------
    (tokens, tokens), in pixels

    Examples
    --------
    >>> import numpy as np
    >>> token_distances((1, 2), patch_size=16, prefix=1, like=np.ones(1))
    array([[ 0.,  0.,  0.],
           [ 0.,  0., 16.],
           [ 0., 16.,  0.]])
    """
    xp = array_api_compat.array_namespace(like)
    dtype = xp.result_type(like.dtype, xp.float32)
    patches = grid[0] * grid[1]
    count = prefix + patches + suffix
    index = xp.arange(count, device=array_api_compat.device(like)) - prefix
    row, column = (
        patch_size * xp.astype(place, dtype) for place in (index // grid[1], index % grid[1])
    )
    has_place = xp.astype((index >= 0) & (index < patches), dtype)
    # As few large arrays as can be: there are 13 million pairs of 3601 tokens.
    down, across = row[:, None] - row[None, :], column[:, None] - column[None, :]
    return xp.sqrt(down * down + across * across) * has_place[:, None] * has_place[None, :]
