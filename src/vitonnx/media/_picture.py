"""Pictures in: files, Pillow's images and arrays, upright and in RGB."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from vitonnx.errors import PictureError
from vitonnx.media._picture_file import damaged, opened_picture
from vitonnx.media._rgb import to_rgb
from vitonnx.media._tensor import Tensor, on_host

__all__ = ["PictureSource", "open_picture"]

PictureSource: TypeAlias = str | os.PathLike[str] | Image.Image | NDArray[np.uint8] | Tensor
"""A file's path, one of Pillow's images, or a uint8 array (height, width, 3) of any library."""


def open_picture(source: PictureSource, *, max_pixels: int | None = None) -> Image.Image:
    """Read a picture, turn it upright as its EXIF tag says, and convert it to RGB.

    Parameters
    ----------
    source : str, Path, PIL.Image.Image or uint8 array (height, width, 3)
        It is left as it is. Arrays may be any library's that has DLPack. Of a film or a document
        the first frame is read.
    max_pixels : int, optional
        Of a file: one that has more is refused before it is unpacked, as a small file can hold any
        number of them. Pillow's own limit by default: 178,956,970, unless that was changed.

    Returns
    -------
    PIL.Image.Image, mode RGB

    Raises
    ------
    PictureError
        If it can't be read, is too large, or is no picture.

    Examples
    --------
    >>> open_picture(np.zeros((2, 3, 3), np.uint8)).size  # Pillow has the width first
    (3, 2)
    """
    if isinstance(source, Image.Image):
        return _decode(source, getattr(source, "filename", "") or "the picture")
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, str | os.PathLike):
        with opened_picture(Path(source), max_pixels) as picture:
            return _decode(picture, str(source), ours=True)
    if isinstance(source, Tensor):
        return _from_array(on_host(source))
    raise PictureError(
        f"a {type(source).__name__} is no picture: give a path, one of Pillow's images, or a uint8 "
        "array (height, width, 3)."
    )


def _from_array(array: NDArray[np.uint8]) -> Image.Image:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or array.size == 0:
        raise PictureError(
            f"the picture is a {array.dtype} array of shape {array.shape}; expected uint8 "
            "(height, width, 3), red, green and blue from 0 to 255."
        )
    return Image.fromarray(array)


def _decode(picture: Image.Image, name: str, *, ours: bool = False) -> Image.Image:
    if 0 in picture.size:
        raise PictureError(f"{name} has no pixels: it is {picture.width}x{picture.height}.")
    try:
        if ours:  # Nobody else sees it: a photograph's copy would take 50 MB.
            ImageOps.exif_transpose(picture, in_place=True)
        else:
            picture = ImageOps.exif_transpose(picture)
    except Exception as error:  # As above; this is where the pixels are read.
        raise damaged(name, error) from error
    return to_rgb(picture, name=name)
