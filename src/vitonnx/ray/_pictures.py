"""The values of a column, as pictures that an engine takes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from vitonnx.errors import PictureError, UsageError
from vitonnx.media import Encoded
from vitonnx.places import Remote, is_address, named, shown_address

__all__ = ["as_picture"]


def as_picture(value: Any, column: str) -> Any:
    r"""Take the value of a row as a picture: one that is none is refused once it is read.

    Parameters
    ----------
    value : bytes, mapping, str, uint8 array (height, width, 3), or None
        The content of a picture file; that and its name, as ``{"bytes": ..., "path": ...}``; a
        path or a URL; or pixels.
    column : str
        Where it stands, for messages.

    Examples
    --------
    >>> as_picture({"bytes": b"\xff\xd8", "path": "robin.jpg"}, "image").name
    'robin.jpg'
    >>> as_picture("robin.jpg", "image")
    'robin.jpg'
    """
    if isinstance(value, Mapping):
        content, path = value.get("bytes"), value.get("path")
        if content is None:
            return as_picture(path, column)
        return Encoded(named(str(path or column)), lambda: content)
    if isinstance(value, bytes):
        return Encoded(column, lambda: value)
    if isinstance(value, str) and is_address(value):
        try:
            place = Remote(value)
        except UsageError as error:
            return Encoded(shown_address(value), partial(_refuse, str(error)))
        return Encoded(place.name, place.content)
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        # Ray has a column of nothing but null as numbers.
        return Encoded(column, partial(_refuse, "there is no picture: the row has null."))
    return value


def _refuse(reason: str) -> bytes:
    raise PictureError(reason)
