"""Query tokens: how they are asked for, and which token of a picture that is."""

from __future__ import annotations

import math
import re
from numbers import Integral

import array_api_compat

from vitonnx.errors import PictureError, UsageError
from vitonnx.layout import Layout
from vitonnx.probes._arrays import Array
from vitonnx.probes._crop import Crop

__all__ = [
    "PATCH",
    "check_query",
    "is_located",
    "query_token",
    "read_query",
    "require_token",
    "row_of_each",
    "say_query",
]

PATCH = "patch"  # in baked files: an input says which


def read_query(text: str) -> str | tuple[int, int]:
    """Read a query: a pixel ``y,x``, or else the name of a token.

    Examples
    --------
    >>> read_query("200,240"), read_query("cls")
    ((200, 240), 'cls')
    """
    pixel = re.fullmatch(r"\s*(-?\d{1,9})\s*,\s*(-?\d{1,9})\s*", text)
    return (int(pixel[1]), int(pixel[2])) if pixel else text


def check_query(query: object) -> None:
    """Raise a UsageError unless something can be a query, or is None."""
    if not (query is None or isinstance(query, str) or _is_pixel(query)):
        raise UsageError(
            f"query {query!r} is neither a token's name nor a pixel (y, x), two whole numbers."
        )


def is_located(query: object) -> bool:
    """Tell whether a query is a place, which lies in another patch of every picture."""
    return query == PATCH or isinstance(query, tuple)


def require_token(query: object, layout: Layout, *words: str) -> None:
    """Raise a UsageError if a query names a token that the model doesn't have, and no other word.

    Parameters
    ----------
    query : str, (y, x) or None
        As it was given.
    layout : Layout
        The model's.
    *words : str
        What else may be asked for by name.
    """
    if isinstance(query, str) and query not in (*layout.names, *words, PATCH):
        tokens = ", ".join((*layout.names, *words))
        raise UsageError(
            f"the model has no query token {query!r}; there are {tokens}, or a pixel of the "
            "picture as y,x."
        )


def query_token(query: str | tuple[int, int], layout: Layout, crop: Crop) -> int:
    """Find the token of a picture.

    Raises
    ------
    PictureError
        If the query is a pixel outside the crop.
    UsageError
        If it is ``"patch"``, which names none.
    """
    if query == PATCH:
        raise UsageError("query 'patch' is for baked files: give a pixel of the picture, y,x.")
    if isinstance(query, str):
        return layout.token(query)
    left, top, right, bottom = crop
    row = _cell(query[0], top, bottom, layout.grid[0])
    column = _cell(query[1], left, right, layout.grid[1])
    if row is None or column is None:
        raise PictureError(
            f"the query pixel y {query[0]}, x {query[1]} lies outside the crop that the model "
            f"sees: y {_pixels(top, bottom)}, x {_pixels(left, right)}."
        )
    return layout.prefix + row * layout.grid[1] + column


def say_query(query: str | tuple[int, int]) -> str:
    """Write a query as it is given on the command line.

    Examples
    --------
    >>> say_query((200, 240)), say_query("cls")
    ('200,240', 'cls')
    """
    return query if isinstance(query, str) else f"{query[0]},{query[1]}"


def row_of_each(matrices: Array, rows: Array) -> Array:
    """Take one row of each picture, by a product that selects it.

    Parameters
    ----------
    matrices : (batch, ..., tokens, columns)
        Of which a row is taken.
    rows : integer (batch,)
        Which.

    Returns
    -------
    (batch, ..., columns)

    Examples
    --------
    >>> import numpy as np
    >>> row_of_each(np.asarray([[[1.0, 2.0], [3.0, 4.0]]] * 2), np.asarray([1, 0])).tolist()
    [[3.0, 4.0], [1.0, 2.0]]
    """
    xp = array_api_compat.array_namespace(matrices)
    *between, tokens, columns = matrices.shape[1:]
    # Of 32 bits: not all GPUs compare larger whole numbers.
    index = xp.arange(tokens, dtype=xp.int32, device=array_api_compat.device(matrices))
    chosen = xp.astype(xp.astype(rows, xp.int32)[:, None] == index[None, :], matrices.dtype)
    # A traced product doesn't know its shape, nor does a reshape know the batch.
    shaped = xp.reshape(chosen, (-1, *[1] * len(between), 1, tokens))
    return xp.reshape(shaped @ matrices, (-1, *between, columns))


def _is_pixel(query: object) -> bool:
    return (
        isinstance(query, tuple)
        and len(query) == 2
        and all(isinstance(side, Integral) for side in query)
    )


def _cell(pixel: int, start: float, stop: float, cells: int) -> int | None:
    """Which of the equal cells from start to stop holds the pixel's centre; None if none does."""
    position = math.floor((pixel + 0.5 - start) / (stop - start) * cells)
    return position if 0 <= position < cells else None


def _pixels(start: float, stop: float) -> str:
    """Name the first and last pixel whose centres lie from start to stop."""
    return f"{math.ceil(start - 0.5)} to {math.ceil(stop - 0.5) - 1}"
