"""Pictures in: files, Pillow's images and arrays, upright and in RGB."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from vitonnx.errors import PictureError
from vitonnx.media._arrays_in_out import Tensor, on_host
from vitonnx.media._budget import DECODING, bytes_needed, reduce_to, reduce_to_fit
from vitonnx.media._encoded import Encoded
from vitonnx.media._picture_file import damaged_if_raised, opened_picture, refuse_pixels
from vitonnx.media._rgb import to_rgb

__all__ = ["Decoded", "PictureSource", "decoded", "open_picture"]

PictureSource: TypeAlias = (
    str | os.PathLike[str] | Encoded | Image.Image | NDArray[np.uint8] | Tensor
)
"""A file's path or content, Pillow's image, or a uint8 array (height, width, 3) of any library."""

ORIENTATION = 0x0112  # Exif's number for it
STARTING = {"EPS"}
ON_ITS_SIDE = range(5, 9)  # the orientations that exchange height and width


class Decoded(NamedTuple):
    """A picture that is decoded, and the sides of the whole.

    Parameters
    ----------
    picture : PIL.Image.Image, mode RGB
        Upright picture. It is smaller than the original if it was decoded at reduced size.
    sides : (height, width)
        Size of the original, in pixels.
    """

    picture: Image.Image
    sides: tuple[int, int]


def open_picture(source: PictureSource, *, max_pixels: int | None = None) -> Image.Image:
    """Read a picture, turn it upright as its EXIF tag says, and convert it to RGB.

    Parameters
    ----------
    source : str, Path, Encoded, PIL.Image.Image or uint8 array (height, width, 3)
        Picture, which is left unchanged. Arrays may come from any library with DLPack. Of a video
        or a document, the first frame is read.
    max_pixels : int, optional
        Largest picture file to read, in pixels: larger ones are refused before they are decoded, as
        a small file can hold any number of pixels. By default, Pillow's own limit (178,956,970,
        unless changed), and less for formats whose decoder would take more than 1.5 GiB, or
        minutes, as for a QOI of more than 32 MiB.

    Returns
    -------
    PIL.Image.Image, mode RGB

    Raises
    ------
    PictureError
        If it can't be read, is too large, or is not a picture.

    Examples
    --------
    >>> open_picture(np.zeros((2, 3, 3), np.uint8)).size  # Pillow has the width first
    (3, 2)
    """
    with decoded(source, max_pixels=max_pixels) as opened:
        return opened.picture


@contextmanager
def decoded(
    source: PictureSource,
    *,
    max_pixels: int | None = None,
    notice: Callable[[str], object] | None = None,
    least: Callable[[tuple[int, int]], tuple[int, int]] | None = None,
) -> Iterator[Decoded]:
    """Read a picture as `open_picture` does, and count its memory until the block is left.

    Threads that read pictures in this way have 1.5 GiB together, and wait for each other where
    that is spent: make the picture small inside the block, and open no other there.

    Parameters
    ----------
    source, max_pixels
        As in `open_picture`.
    notice : callable, optional
        Called with a sentence if a huge JPEG is decoded at reduced size. Without it, such a JPEG is
        refused. If `max_pixels` is given, pictures are always decoded at full size.
    least : callable, optional
        Called with the (height, width) of a JPEG, upright, and gives the sides that will do: it is
        decoded at the smallest share of its size that has them.

    Yields
    ------
    Decoded

    Raises
    ------
    PictureError
        As in `open_picture`.
    """
    if isinstance(source, Image.Image):
        name = getattr(source, "filename", "") or "the picture"
        with DECODING.share(bytes_needed(source)):
            yield _whole(_decode(source, name))
    elif isinstance(source, str | os.PathLike | Encoded):
        file = source if isinstance(source, Encoded) else Path(source)
        name = str(file)
        with opened_picture(file, max_pixels) as picture:
            sides, needed = _fitted(name, picture, max_pixels, notice, least)
            with DECODING.share(needed):
                picture = _decode(picture, name, ours=True)
                refuse_pixels(name, picture, max_pixels)  # a header may say less than there is
                yield Decoded(picture, sides or (picture.height, picture.width))
    else:
        yield _whole(_of_array(source))


def _whole(picture: Image.Image) -> Decoded:
    return Decoded(picture, (picture.height, picture.width))


def _fitted(
    name: str,
    picture: Image.Image,
    max_pixels: int | None,
    notice: Callable[[str], object] | None,
    least: Callable[[tuple[int, int]], tuple[int, int]] | None,
) -> tuple[tuple[int, int] | None, int | None]:
    """Have a picture decoded within the memory that there is, as far as that can be.

    Return the upright size of the original if it will be decoded at reduced size, and the bytes
    needed, if known.
    """
    sides, needed = _shared(name, picture, least)
    if needed is None or needed <= DECODING.whole:
        return sides, needed
    if notice is not None and max_pixels is None:
        height, width = picture.height, picture.width
        with damaged_if_raised(name):
            whole = _upright(picture)
            reduced = reduce_to_fit(picture)
        if reduced is not None:
            notice(
                f"{name} is so large that it is decoded at {picture.height}x{picture.width} "
                f"instead of {height}x{width} pixels; the model's input may differ by up to 4 of "
                "255 levels."
            )
            return whole, reduced
    if max_pixels is None:
        raise PictureError(
            f"{name} would take {needed / 2**30:.1f} GiB of memory while its "
            f"{picture.height}x{picture.width} pixels are decoded, but "
            f"{DECODING.whole / 2**30:.1f} are allowed: scale it down first, or allow it with "
            "--max-pixels MILLIONS (in Python, max_pixels)."
        )
    return sides, needed


def _shared(
    name: str,
    picture: Image.Image,
    least: Callable[[tuple[int, int]], tuple[int, int]] | None,
) -> tuple[tuple[int, int] | None, int | None]:
    """Have a picture decoded at a share of its size, if that has the sides that will do.

    Return as `_fitted` does.
    """
    if least is None:
        return None, bytes_needed(picture)
    with damaged_if_raised(name):
        whole = _upright(picture)
        rows, columns = least(whole)
        if whole != (picture.height, picture.width):
            rows, columns = columns, rows
        reduced = reduce_to(picture, (rows, columns))
    return (None, bytes_needed(picture)) if reduced is None else (whole, reduced)


def _upright(picture: Image.Image) -> tuple[int, int]:
    """Give (height, width) of a picture as it will stand."""
    turned = picture.getexif().get(ORIENTATION) in ON_ITS_SIDE
    return (picture.width, picture.height) if turned else (picture.height, picture.width)


def _of_array(source: object) -> Image.Image:
    if not isinstance(source, np.ndarray | Tensor):
        raise PictureError(
            f"a {type(source).__name__} is not a picture: give a path, a Pillow image, or a uint8 "
            "array (height, width, 3)."
        )
    array = source if isinstance(source, np.ndarray) else on_host(source)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or array.size == 0:
        raise PictureError(
            f"the picture is a {array.dtype} array of shape {array.shape}; expected uint8 "
            "(height, width, 3), red, green and blue from 0 to 255."
        )
    return Image.fromarray(array)


def _decode(picture: Image.Image, name: str, *, ours: bool = False) -> Image.Image:
    if 0 in picture.size:
        raise PictureError(f"{name} has no pixels: it is {picture.height}x{picture.width}.")
    if picture.format in STARTING and getattr(picture, "tile", None):
        raise PictureError(
            f"{name} is {picture.format}, which Pillow can only read by starting another program: "
            "convert it to PNG or JPEG."
        )
    with damaged_if_raised(name):
        if ours:  # Nobody else sees it: a photograph's copy would take 50 MB.
            ImageOps.exif_transpose(picture, in_place=True)
        else:
            picture = ImageOps.exif_transpose(picture)
        return to_rgb(picture, name=name)
