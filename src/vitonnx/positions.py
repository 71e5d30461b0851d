"""Positions at other grids: every published way of resampling an embedding is a matrix.

All of them treat rows and columns separately, so that a matrix is the Kronecker product of two
small ones. Each is named after the code that does so:

``timm``
    Bicubic to the requested size, antialiased: pytorch-image-models, ``resample_abs_pos_embed``.
``dino``
    Bicubic with the scale (n + 0.1) / sqrt(positions), not antialiased: facebookresearch/dino,
    ``interpolate_pos_encoding``; facebookresearch/dinov2 too, for its models without registers
    (those with registers go timm's way).
``huggingface``
    Bicubic to the requested size, not antialiased: transformers, ``interpolate_pos_encoding``.
``jax``
    Linear, corners on corners: google-research/vision_transformer, ``scipy.ndimage.zoom``.

Tables of relative positions (BEiT) are resampled over the offsets that they are of, which is a
matrix too. Rotary positions are no table: they follow from coordinates.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from vitonnx.errors import UsageError

__all__ = [
    "Interpolation",
    "patch_coordinates",
    "relative_index",
    "relative_matrix",
    "resampling_matrix",
    "sincos_table",
]

Interpolation = Literal["timm", "dino", "huggingface", "jax"]

# The cubic kernel's free parameter: PyTorch's plain bicubic and its antialiased one differ.
CUBIC_PLAIN = -0.75
CUBIC_ANTIALIASED = -0.5
LONGEST_WAVE = 10_000.0  # of sines and cosines, over 2 pi


def resampling_matrix(
    old_grid: tuple[int, int],
    new_grid: tuple[int, int],
    *,
    interpolation: str,
    prefix: int = 0,
) -> NDArray[np.float32]:
    """Make the matrix that takes a position embedding from one grid to another.

    Parameters
    ----------
    old_grid, new_grid : (rows, columns)
        Patch grids of the embedding as it is, and as wanted.
    interpolation : "timm", "dino", "huggingface" or "jax"
        Method to follow.
    prefix : int
        Rows of prefix tokens in front, left as they are.

    Returns
    -------
    float32 (prefix + new patches, prefix + old patches)
        ``matrix @ position_embedding`` is the resampled embedding. The identity where the grids
        are equal.

    Raises
    ------
    UsageError
        If the interpolation has no such name.

    Examples
    --------
    >>> resampling_matrix((2, 1), (3, 1), interpolation="jax")
    array([[1. , 0. ],
           [0.5, 0.5],
           [0. , 1. ]], dtype=float32)
    """
    if interpolation not in get_args(Interpolation):
        raise UsageError(
            f"position interpolation {interpolation!r} is unknown; use "
            f"{', '.join(get_args(Interpolation))}."
        )
    old_patches, new_patches = math.prod(old_grid), math.prod(new_grid)
    if old_grid == new_grid:
        return np.eye(prefix + new_patches, dtype=np.float32)
    matrix = np.zeros((prefix + new_patches, prefix + old_patches), np.float32)
    matrix[:prefix, :prefix] = np.eye(prefix)
    # DINO measures both sides against sqrt(positions): on a square grid, its own side.
    dino_side = math.sqrt(old_patches)
    rows, columns = (
        _along_one_side(old, new, interpolation, dino_side)
        for old, new in zip(old_grid, new_grid, strict=True)
    )
    matrix[prefix:, prefix:] = np.kron(rows, columns)
    return matrix


def _along_one_side(
    old: int, new: int, interpolation: str, dino_side: float
) -> NDArray[np.float64]:
    """Return (new, old) weights; rows sum to 1."""
    match interpolation:
        case "jax":
            return _linear(old, new)
        case "timm":
            return _antialiased_cubic(old, new)
        case "dino":
            return _cubic(old, new, scale=dino_side / (new + 0.1))
        case _:
            return _cubic(old, new, scale=old / new)


def relative_index(grid: tuple[int, int], prefix: int = 0) -> NDArray[np.int64]:
    """Return the row of a table of relative positions for each pair of tokens.

    Parameters
    ----------
    grid : (rows, columns)
        Patches.
    prefix : 0 or 1
        Whether a class token is in front of them.

    Returns
    -------
    int64 (tokens, tokens)
        For a query (first axis) and a key, the row of the offset of their patches: row by row from
        the most negative, query minus key. With a class token, three more rows: from it, to it, to
        itself.

    References
    ----------
    Bao et al. 2022, BEiT, arXiv:2106.08254; microsoft/unilm, ``relative_position_index``.

    Examples
    --------
    >>> relative_index((1, 2), prefix=1)
    array([[5, 3, 3],
           [4, 1, 0],
           [4, 2, 1]])
    """
    (rows, columns), patches = grid, math.prod(grid)
    row, column = np.divmod(np.arange(patches), columns)
    down = row[:, None] - row + rows - 1
    across = column[:, None] - column + columns - 1
    offsets = (2 * rows - 1) * (2 * columns - 1)
    index = np.empty((prefix + patches, prefix + patches), np.int64)
    index[prefix:, prefix:] = down * (2 * columns - 1) + across
    if prefix:
        index[0, 1:], index[1:, 0], index[0, 0] = offsets, offsets + 1, offsets + 2
    return index


def relative_matrix(
    old_grid: tuple[int, int],
    new_grid: tuple[int, int],
    *,
    interpolation: str,
    prefix: int = 0,
) -> NDArray[np.float32]:
    """Make the matrix that takes a table of relative positions from one grid to another.

    Parameters
    ----------
    old_grid, new_grid : (rows, columns)
        Patches.
    interpolation : str
        ``timm``: linear over offsets that grow geometrically, pytorch-image-models,
        ``resize_rel_pos_bias_table``; any other: bilinear, as transformers'
        ``BeitRelativePositionBias`` does.
    prefix : 0 or 1
        Whether the table has the three rows of a class token at its end; they are left as they
        are.

    Returns
    -------
    float32 (new rows of the table, old rows)
        ``matrix @ table`` is the resampled table.
    """
    # On the same grid timm leaves a table as it is; along one side alone it doesn't.
    geometric = interpolation == "timm" and old_grid != new_grid
    along = _along_offsets if geometric else _bilinear
    rows, columns = (
        along(2 * old - 1, 2 * new - 1) for old, new in zip(old_grid, new_grid, strict=True)
    )
    offsets, extra = np.kron(rows, columns), 3 * prefix
    matrix = np.zeros((offsets.shape[0] + extra, offsets.shape[1] + extra), np.float32)
    matrix[: offsets.shape[0], : offsets.shape[1]] = offsets
    matrix[offsets.shape[0] :, offsets.shape[1] :] = np.eye(extra)
    return matrix


def patch_coordinates(grid: tuple[int, int], prefix: int = 0) -> NDArray[np.float32]:
    """Return the centres of patches in a picture whose sides run from -1 to 1.

    Parameters
    ----------
    grid : (rows, columns)
        Patches.
    prefix : int
        Rows of zeros in front, for prefix tokens.

    Returns
    -------
    float32 (prefix + patches, 2)
        Down and across.

    References
    ----------
    Siméoni et al. 2025, DINOv3, arXiv:2508.10104; facebookresearch/dinov3,
    ``RopePositionEmbedding``, coordinates normalised separately.

    Examples
    --------
    >>> patch_coordinates((1, 2))
    array([[ 0. , -0.5],
           [ 0. ,  0.5]], dtype=float32)
    """
    down, across = (2 * (np.arange(side) + 0.5) / side - 1 for side in grid)
    patches = np.stack(np.meshgrid(down, across, indexing="ij"), axis=-1).reshape(-1, 2)
    return np.concatenate([np.zeros((prefix, 2)), patches]).astype(np.float32)


def _bilinear(old: int, new: int) -> NDArray[np.float64]:
    """Linear weights of PyTorch's ``interpolate``, centres on centres, borders repeated."""
    at = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    return _between(np.arange(old, dtype=np.float64), at)


def _along_offsets(old: int, new: int) -> NDArray[np.float64]:
    """Return linear weights between offsets assumed to grow by a constant factor."""
    low, high, factor = 1.01, 1.5, 1.0
    while high - low > 1e-6:
        factor = (low + high) / 2
        reach = (1 - factor ** (old // 2)) / (1 - factor)
        low, high = (low, factor) if reach > new // 2 else (factor, high)
    half = np.cumsum([1.0, *factor ** np.arange(1.0, old // 2)])[: old // 2]
    places = np.concatenate([-half[::-1], [0.0], half])
    at = np.arange(new) - new // 2
    return _between(places, np.clip(at, places[0], places[-1]))


def _between(places: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return linear weights of values at given positions, (at, places)."""
    weights = np.zeros((len(at), len(places)))
    if len(places) == 1:
        weights[:] = 1
        return weights
    right = np.clip(np.searchsorted(places, at, side="right"), 1, len(places) - 1)
    share = (at - places[right - 1]) / (places[right] - places[right - 1])
    every = np.arange(len(at))
    weights[every, right - 1], weights[every, right] = 1 - share, share
    return weights


def _linear(old: int, new: int) -> NDArray[np.float64]:
    """Linear weights, first on first and last on last (scipy.ndimage.zoom, order 1)."""
    at = np.linspace(0, old - 1, new) if new > 1 else np.zeros(1)
    distance = np.abs(at[:, None] - np.arange(old))
    weights: NDArray[np.float64] = np.maximum(1 - distance, 0.0)
    return weights


def _cubic(old: int, new: int, *, scale: float) -> NDArray[np.float64]:
    """Bicubic weights of PyTorch's ``interpolate``: four taps, borders repeated."""
    at = scale * (np.arange(new) + 0.5) - 0.5
    first = np.floor(at).astype(int)
    weights = np.zeros((new, old))
    for tap in range(-1, 3):
        index = first + tap
        weight = _cubic_kernel(at - index, CUBIC_PLAIN)
        np.add.at(weights, (np.arange(new), np.clip(index, 0, old - 1)), weight)
    return weights


def _antialiased_cubic(old: int, new: int) -> NDArray[np.float64]:
    """Bicubic weights of PyTorch's antialiased ``interpolate``, which are Pillow's.

    The kernel is stretched by the scale when the grid shrinks, cut at the border and renormalised.
    """
    scale = old / new
    stretch = max(scale, 1.0)
    centre = scale * (np.arange(new) + 0.5)
    first = np.maximum((centre - 2 * stretch + 0.5).astype(int), 0)
    last = np.minimum((centre + 2 * stretch + 0.5).astype(int), old)
    index = np.arange(old)
    weights = _cubic_kernel((index + 0.5 - centre[:, None]) / stretch, CUBIC_ANTIALIASED)
    weights *= (index >= first[:, None]) & (index < last[:, None])
    normalised: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return normalised


def _cubic_kernel(distance: NDArray[np.float64], a: float) -> NDArray[np.float64]:
    """Keys' cubic convolution kernel (Keys 1981, eq. 4) with the free parameter a."""
    x = np.abs(distance)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * x * a - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def sincos_table(grid: tuple[int, int], dim: int, *, prefix: int = 0) -> NDArray[np.float32]:
    """Make the fixed sine-cosine position embedding of big_vision's plain ViT.

    Parameters
    ----------
    grid : (rows, columns)
        Patches.
    dim : int
        Width; a multiple of 4.
    prefix : int
        Rows of zeros in front, for prefix tokens.

    Returns
    -------
    float32 (prefix + patches, dim)
        A quarter of the channels each: sine and cosine of the column, of the row.

    Raises
    ------
    UsageError
        If `dim` is not a multiple of 4.

    References
    ----------
    Beyer, Zhai & Kolesnikov 2022, arXiv:2205.01580; big_vision, ``posemb_sincos_2d``.

    Examples
    --------
    >>> sincos_table((1, 2), 4).round(3)
    array([[0.   , 1.   , 0.   , 1.   ],
           [0.841, 0.54 , 0.   , 1.   ]], dtype=float32)
    """
    if dim % 4:
        raise UsageError(f"sine-cosine positions need a dim that is a multiple of 4, not {dim}.")
    quarter = dim // 4
    frequency = LONGEST_WAVE ** -(np.arange(quarter) / max(quarter - 1, 1))
    row, column = np.divmod(np.arange(math.prod(grid)), grid[1])
    by_row, by_column = np.outer(row, frequency), np.outer(column, frequency)
    table = np.concatenate(
        [np.sin(by_column), np.cos(by_column), np.sin(by_row), np.cos(by_row)], axis=1
    )
    return np.concatenate([np.zeros((prefix, dim)), table]).astype(np.float32)
