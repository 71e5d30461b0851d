"""The values of a column, as pictures that an engine takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from vitonnx.errors import PictureError
from vitonnx.media import Encoded
from vitonnx.names import Remote, is_address

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
        return Encoded(str(path or column), lambda: content)
    if isinstance(value, bytes):
        return Encoded(column, lambda: value)
    if isinstance(value, str) and is_address(value):
        remote = Remote(value)
        return Encoded(str(remote), _reader(remote))
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return Encoded(column, _refuse_nothing)  # Ray has a column of nothing but null as numbers
    return value


def _reader(remote: Remote) -> Callable[[], bytes]:
    def read() -> bytes:
        from vitonnx.errors import DownloadError

        try:
            return remote.read()
        except DownloadError as error:
            raise PictureError(str(error)) from error

    return read


def _refuse_nothing() -> bytes:
    raise PictureError("there is no picture: the row has null.")
