"""From a row of tokens to a grid of patches."""

from __future__ import annotations

import array_api_compat

from vitonnx.errors import UsageError
from vitonnx.layout import Layout
from vitonnx.probes._arrays import Array

__all__ = ["fold_patches", "others", "patch_tokens"]


def fold_patches(tokens: Array, *, grid: tuple[int, int], prefix: int, suffix: int = 0) -> Array:
    """Drop all other tokens and fold the patches, which run row by row, into their grid.

    Parameters
    ----------
    tokens : (batch, ..., prefix + rows * columns + suffix)
        One value a token.
    grid : (rows, columns)
        Of patches.
    prefix : int
        Tokens in front of the patches: class, distillation and register tokens.
    suffix : int
        Tokens behind the patches, such as detection tokens.

    Returns
    -------
    (batch, ..., rows, columns), the input's namespace and dtype

    Raises
    ------
    UsageError
        If the number of tokens is another.

    Examples
    --------
    >>> import numpy as np
    >>> fold_patches(np.arange(7)[None], grid=(2, 3), prefix=1)
    array([[[1, 2, 3],
            [4, 5, 6]]])
    """
    rows, columns = grid
    stop = prefix + rows * columns
    expected = stop + suffix
    if tokens.shape[-1] != expected:
        raise UsageError(
            f"fold_patches: the last axis has {tokens.shape[-1]} tokens; a grid of "
            f"{rows}x{columns} with {others(prefix, suffix)} has {expected}. "
            "Give the grid, the prefix and the suffix of the model."
        )
    xp = array_api_compat.array_namespace(tokens)
    # -1, because a traced array does not know its batch.
    return xp.reshape(tokens[..., prefix:stop], (-1, *tokens.shape[1:-1], rows, columns))


def patch_tokens(tokens: Array, layout: Layout) -> Array:
    """Take the patches of (batch, tokens, dim), in their grid: (batch, rows, columns, dim).

    Raises
    ------
    UsageError
        If the number of tokens is another than the layout's.

    Examples
    --------
    >>> import numpy as np
    >>> vit = Layout(grid=(2, 3), patch_size=16, prefix_tokens=("cls",), blocks=12, heads=6)
    >>> patch_tokens(np.zeros((5, 7, 384)), vit).shape
    (5, 2, 3, 384)
    """
    shape = tuple(tokens.shape)
    if len(shape) != 3 or shape[1] != layout.tokens:
        raise UsageError(
            f"tokens have shape {shape}; expected (batch, {layout.tokens}, dim): a grid of "
            f"{layout.grid[0]}x{layout.grid[1]} with {others(layout.prefix, layout.suffix)}."
        )
    xp = array_api_compat.array_namespace(tokens)
    patches = tokens[:, layout.prefix : layout.prefix + layout.patches, :]
    # -1, because a traced array does not know its batch.
    return xp.reshape(patches, (-1, *layout.grid, shape[2]))


def others(prefix: int, suffix: int) -> str:
    """Say how many tokens are no patches.

    Examples
    --------
    >>> others(1, 0), others(1, 10)
    ('1 prefix tokens', '1 prefix and 10 suffix tokens')
    """
    return f"{prefix} prefix and {suffix} suffix tokens" if suffix else f"{prefix} prefix tokens"
