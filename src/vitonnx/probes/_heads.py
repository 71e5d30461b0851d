"""Attention of one query over the patches, head by head, and the patches that hold its mass."""

from __future__ import annotations

from numbers import Integral

import array_api_compat

from vitonnx.errors import UsageError
from vitonnx.probes._arrays import Array, check_attention
from vitonnx.probes._patches import fold_patches

__all__ = ["check_mass", "head_maps", "mass_mask"]


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
        rows = _row_of_each(attention, query)
    elif 0 <= int(query) < tokens:
        rows = attention[:, :, int(query), :]
    else:
        raise UsageError(
            f"head_maps: there is no query token {query}; there are 0 to {tokens - 1}."
        )
    return fold_patches(rows, grid=grid, prefix=prefix, suffix=suffix)


def _row_of_each(attention: Array, queries: Array) -> Array:
    """Take one row of each picture, (batch, heads, tokens), by a product that selects it."""
    xp = array_api_compat.array_namespace(attention)
    _, heads, _, tokens = attention.shape
    index = xp.arange(tokens, device=array_api_compat.device(attention))
    chosen = xp.astype(queries[:, None] == index[None, :], attention.dtype)
    # A traced product does not know its shape.
    return xp.reshape(chosen[:, None, None, :] @ attention, (-1, heads, tokens))


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
    if not 0 < mass <= 1:
        raise UsageError(f"mass is {mass}; it must be more than 0 and at most 1, such as 0.6.")
