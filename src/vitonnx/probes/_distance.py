"""How far attention reaches: the distance in pixels between who looks and what is looked at."""

from __future__ import annotations

import array_api_compat

from vitonnx.errors import UsageError
from vitonnx.probes._arrays import Array, check_attention

__all__ = ["mean_attention_distance"]


def mean_attention_distance(
    attention: Array,
    *,
    grid: tuple[int, int],
    patch_size: int,
    prefix: int,
    renormalize: bool = False,
) -> Array:
    """Average the distance between query and key patch, weighted by attention.

    The distance is that of the patches' centres. It is summed over the key patches and averaged
    over the query patches; prefix tokens have no place, and are left out on both sides.

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
    renormalize : bool
        Whether what a patch pays to the patches is rescaled to sum to 1. Not so by default, as
        published: what goes to a prefix token then counts as distance 0.

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
    if attention.shape[-1] != prefix + rows * columns:
        raise UsageError(
            f"mean_attention_distance: attention has {attention.shape[-1]} tokens; a grid of "
            f"{rows}x{columns} with {prefix} prefix tokens has {prefix + rows * columns}. "
            "Give the grid and the prefix of the model."
        )
    if renormalize:
        return _renormalised(attention, grid=grid, patch_size=patch_size, prefix=prefix)
    xp = array_api_compat.array_namespace(attention)
    heads, tokens = attention.shape[1], attention.shape[-1]
    distances = _distances(grid, patch_size, prefix=prefix, like=attention)
    # All queries and keys in one product, in which prefix tokens weigh nothing.
    flat = xp.reshape(attention, (-1, heads, tokens * tokens))
    total = (flat @ xp.reshape(distances, (tokens * tokens, 1)))[:, :, 0]
    return xp.astype(total, xp.float64) / (rows * columns)


def _renormalised(
    attention: Array, *, grid: tuple[int, int], patch_size: int, prefix: int
) -> Array:
    """Average with what every patch pays to the patches rescaled to sum to 1."""
    xp = array_api_compat.array_namespace(attention)
    weights = attention[:, :, prefix:, prefix:]
    distances = _distances(grid, patch_size, prefix=0, like=attention)
    reach = xp.vecdot(weights, distances)
    paid = xp.vecdot(weights, xp.ones_like(distances))
    # A query that pays the patches nothing reaches nowhere.
    reach = reach / xp.where(paid > 0, paid, xp.ones_like(paid))
    # Doubles from here on, so that thousands of queries add up without loss.
    return xp.mean(xp.astype(reach, xp.float64), axis=-1)


def _distances(grid: tuple[int, int], patch_size: int, *, prefix: int, like: Array) -> Array:
    """(tokens, tokens) in pixels, 0 to and from prefix tokens.

    Of `like`'s dtype, or single precision where that is half.
    """
    xp = array_api_compat.array_namespace(like)
    index = xp.arange(prefix + grid[0] * grid[1], device=array_api_compat.device(like)) - prefix
    row, column = index // grid[1], index % grid[1]
    down, across = row[:, None] - row[None, :], column[:, None] - column[None, :]
    squares = down * down + across * across
    squares = xp.where((index[:, None] >= 0) & (index[None, :] >= 0), squares, 0)
    exact = xp.astype(squares, xp.result_type(like.dtype, xp.float32))
    return patch_size * xp.sqrt(exact)
