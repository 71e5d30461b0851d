"""The probe ``heads``: where the heads of one block look from one query token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Integral
from typing import ClassVar

import array_api_compat

from vitonnx.errors import UsageError
from vitonnx.layout import Layout
from vitonnx.probes._arrays import Array, check_attention
from vitonnx.probes._crop import Crop
from vitonnx.probes._finding import Maps
from vitonnx.probes._option import is_open, option
from vitonnx.probes._patches import fold_patches
from vitonnx.probes._probe import GraphProbe, Queries
from vitonnx.probes._query import (
    PATCH,
    check_query,
    is_located,
    query_token,
    read_query,
    require_token,
    row_of_each,
    say_query,
)
from vitonnx.probes._result import PictureResult

__all__ = ["Heads", "HeadsResult", "head_maps", "mass_mask"]


@dataclass(frozen=True, eq=False, kw_only=True)
class HeadsResult(PictureResult):
    """Where the heads of one block look, in one picture.

    Parameters
    ----------
    attention : float32 (heads, rows, columns)
        Attention of the query token to every patch, not rescaled.
    mean : float32 (rows, columns)
        Mean over the heads.
    mask : bool (heads, rows, columns) or None
        The smallest set of patches that holds the probe's `mass`; None where none was asked for.
    mass : float or None
        That share.
    block : int
        Counted from 0.
    query : str
        Name of the query token, ``mean`` for the mean over the patches, or ``y,x``.
    patch : (row, column) or None
        The query's patch, where it is one.
    """

    attention: Array
    mean: Array
    mask: Array | None
    mass: float | None
    block: int
    query: str
    patch: tuple[int, int] | None

    @property
    def drawn(self) -> dict[str, Array]:
        """The mean of the heads before every head, and their masks."""
        xp = array_api_compat.array_namespace(self.attention)
        drawn = {"values": xp.concat([self.mean[None, ...], self.attention])}
        if self.mass is not None and self.mask is not None:
            of_mean = mass_mask(self.mean[None, None, ...], self.mass)[0, ...]
            drawn["masks"] = xp.concat([of_mean, self.mask])
        return drawn

    @property
    def finding(self) -> Maps:
        """The mean of the heads, and every head."""
        outlined = "" if self.mass is None else f"{self.mass:.0%} of the attention to patches"
        return Maps(
            **self.drawn,
            labels=("mean of the heads", *_head_labels(self.attention.shape[0])),
            unit="attention weight",
            details=(f"block {self.block}", f"query: {self._asked()}"),
            outlined=outlined,
            mark=self.patch,
        )

    def _asked(self) -> str:
        if self.patch is not None:
            y, x = self.query.split(",")
            return f"pixel y {y}, x {x}"
        return "mean of the patches" if self.query == "mean" else self.query


@dataclass(frozen=True)
class Heads(GraphProbe[HeadsResult]):
    """Attention of one query token over the patches, head by head.

    Parameters
    ----------
    block : int
        0 is the first block, -1 the last.
    query : str, (y, x) or None
        Name of a token that is no patch, such as ``"cls"``, ``"dist"``, ``"reg0"`` or
        ``"suffix0"``; ``"mean"``, the mean over the patches; or a pixel of the picture, which
        stands for the patch that covers it. None is the class token, or the mean over the patches
        where the model has no class token. ``"patch"`` is for `vitonnx.bake` alone: an input of
        the baked file then says which patch.
    mass : float in (0, 1] or None
        Also find the smallest set of patches that holds this share of the patches' attention.

    Raises
    ------
    UsageError
        If the mass is out of its range, or the query is of another form.

    References
    ----------
    Caron et al. 2021, arXiv:2104.14294.

    Examples
    --------
    >>> vit = Layout(grid=(14, 14), patch_size=16, prefix_tokens=("cls",), blocks=12, heads=6)
    >>> Heads(block=-1).reads(vit)
    ('block_11/attention',)
    >>> Heads(query=(100, 40)).token(vit, (0, 0, 224, 224))  # row 6, column 2
    87
    """

    name: ClassVar[str] = "heads"
    help: ClassVar[str] = "Show where each head of a block looks."
    purpose: ClassVar[str] = (
        "See what each head of a block attends to: heads of DINO tend to outline things, "
        "although no label ever named one."
    )
    example: ClassVar[str] = "--mass 0.6"
    gives = Maps
    shares = True

    block: int = option(-1, "Show the heads of this block: 0 is the first, -1 the last.")
    query: str | tuple[int, int] | None = option(
        None,
        "Look from this query: a token that is not a patch (cls, dist, reg0), mean for the mean "
        "over the patches, or a pixel of the picture for its patch (in a baked file, patch: an "
        "input says which). By default, cls, or mean in a model without cls.",
        metavar="TOKEN|mean|Y,X",
        read=read_query,
    )
    mass: float | None = option(
        None, "Outline the fewest patches that hold this share of the attention.", in_graph=False
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mass is not None:
            check_mass(self.mass)
        check_query(self.query)

    def reads(self, layout: Layout) -> tuple[str, ...]:
        """Name the one output that is read: the block's attention.

        Raises
        ------
        UsageError
            If the model has no such block, or no such query token.
        """
        require_token(self.query, layout, "mean")
        return (layout.attention(self.block),)

    def token(self, layout: Layout, crop: Crop) -> int | None:
        """Find the query token of a picture; None for the mean over the patches.

        Raises
        ------
        PictureError
            If the query is a pixel outside the crop.
        UsageError
            If it is ``"patch"``, which names none.
        """
        if self.query is None:
            return layout.class_token
        if self.query == "mean":
            return None
        return query_token(self.query, layout, crop)

    @property
    def located(self) -> bool:
        """Whether the query is a pixel, which lies in another patch of every picture."""
        return is_located(self.query)

    @property
    def graph_form(self) -> Heads:
        """The probe without what its graph does not depend on: which pixel is asked, and the mass.

        Examples
        --------
        >>> Heads(query=(100, 40), mass=0.6).graph_form == Heads(query=(7, 7)).graph_form
        True
        """
        form = super().graph_form
        return replace(form, query=PATCH) if self.located else form

    def parts(self, layout: Layout) -> tuple[str, ...]:
        """Name the heads."""
        return _head_labels(layout.heads)

    def condense(self, outputs: Mapping[str, Array], layout: Layout, queries: Queries) -> Array:
        """Give float32 (batch, heads, rows, columns): the queries' attention to the patches."""
        attention = outputs[layout.attention(self.block)]
        xp = array_api_compat.array_namespace(attention)
        maps = head_maps(
            attention,
            grid=layout.grid,
            prefix=layout.prefix,
            suffix=layout.suffix,
            query=queries,
        )
        return xp.astype(maps, xp.float32)

    def result(self, condensed: Array, layout: Layout, query: int | None) -> HeadsResult:
        """Make the result of one picture, of its (heads, rows, columns)."""
        xp = array_api_compat.array_namespace(condensed)
        mask = None if self.mass is None else mass_mask(condensed[None, ...], self.mass)[0, ...]
        return HeadsResult(
            attention=condensed,
            mean=xp.mean(condensed, axis=0),
            mask=mask,
            mass=self.mass,
            block=layout.block(self.block),
            query=self._label(layout),
            patch=layout.patch(query),
        )

    def _label(self, layout: Layout) -> str:
        if self.query is None:
            return "mean" if layout.class_token is None else "cls"
        return say_query(self.query)


def head_maps(
    attention: Array,
    *,
    grid: tuple[int, int],
    prefix: int,
    suffix: int = 0,
    query: int | Array | None = 0,
) -> Array:
    """Read how much attention one query token pays to every patch, in each head.

    Parameters
    ----------
    attention : (batch, heads, tokens, tokens)
        Softmax weights, queries before keys; rows sum to 1.
    grid : (rows, columns)
        Of patches.
    prefix : int
        Tokens in front of the patches.
    suffix : int
        Tokens behind the patches.
    query : int, integer (batch,) array, or None
        Index of the query token: 0 is the class token where there is one; or an index for each
        picture. None takes the mean over the patch queries, the reading for a model without class
        token.

    Returns
    -------
    (batch, heads, rows, columns), the input's namespace and dtype
        Not rescaled: a map sums to 1 less what the query pays to all other tokens.

    Raises
    ------
    UsageError
        If a shape doesn't fit, or there is no such token.

    References
    ----------
    Caron et al. 2021, "Emerging Properties in Self-Supervised Vision Transformers",
    arXiv:2104.14294, Fig. 1 and 3.

    Examples
    --------
    >>> import numpy as np
    >>> attention = np.asarray([[[[0.5, 0.3, 0.2], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]]])
    >>> head_maps(attention, grid=(1, 2), prefix=1)
    array([[[[0.3, 0.2]]]])
    """
    check_attention(attention, caller="head_maps")
    tokens = attention.shape[-1]
    if query is None:
        xp = array_api_compat.array_namespace(attention)
        # Written as a sum, because traced means are computed in doubles.
        rows = xp.sum(attention[:, :, prefix : tokens - suffix, :], axis=2)
        rows = rows / (tokens - prefix - suffix)
    elif not isinstance(query, Integral):
        rows = row_of_each(attention, query)
    elif 0 <= int(query) < tokens:
        rows = attention[:, :, int(query), :]
    else:
        raise UsageError(
            f"head_maps: there is no query token {query}; there are 0 to {tokens - 1}."
        )
    return fold_patches(rows, grid=grid, prefix=prefix, suffix=suffix)


def mass_mask(maps: Array, mass: float) -> Array:
    """Find the smallest set of patches that holds a share of each map's sum.

    The set takes the largest patches first and includes the one that crosses the share. Of equal
    patches, the first in reading order is taken first.

    Parameters
    ----------
    maps : (batch, heads, rows, columns)
        Not negative, such as `head_maps` gives.
    mass : float in (0, 1]
        Share of the patches' own sum: what went to prefix tokens doesn't count.

    Returns
    -------
    bool (batch, heads, rows, columns), the input's namespace

    Raises
    ------
    UsageError
        If the mass is out of its range.

    References
    ----------
    Caron et al. 2021, arXiv:2104.14294, Fig. 4, which keeps 60 % of the mass; ``threshold`` in
    their ``visualize_attention.py``.

    Examples
    --------
    >>> import numpy as np
    >>> mass_mask(np.asarray([[[[0.1, 0.5], [0.3, 0.1]]]]), 0.6)
    array([[[[False,  True],
             [ True, False]]]])
    """
    check_mass(mass)
    xp = array_api_compat.array_namespace(maps)
    _, heads, rows, columns = maps.shape
    # Doubles, so that thousands of small weights add up without loss.
    flat = xp.astype(xp.reshape(maps, (-1, heads, rows * columns)), xp.float64)
    order = xp.argsort(flat, axis=-1, descending=True, stable=True)
    rank = xp.argsort(order, axis=-1)
    held = xp.cumulative_sum(xp.sort(flat, axis=-1, descending=True), axis=-1)
    total = held[..., -1:]
    # A patch is in the set as long as those before it hold less than the share.
    before = xp.concat([xp.zeros_like(total), held[..., :-1]], axis=-1)
    count = xp.sum(xp.astype(before < mass * total, xp.int64), axis=-1, keepdims=True)
    return xp.reshape(rank < count, (-1, heads, rows, columns))


def check_mass(mass: float) -> None:
    """Raise a UsageError unless ``0 < mass <= 1``."""
    if not (is_open(mass) or 0 < mass <= 1):
        raise UsageError(f"mass is {mass}; it must be more than 0 and at most 1, such as 0.6.")


def _head_labels(heads: int) -> tuple[str, ...]:
    return tuple(f"head {head}" for head in range(heads))
