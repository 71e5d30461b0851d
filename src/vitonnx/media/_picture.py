"""Pictures in: files, Pillow's images and arrays, upright and in RGB."""

from __future__ import annotations

import os
import threading
import warnings
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from vitonnx.errors import PictureError
from vitonnx.media._rgb import to_rgb
from vitonnx.media._tensor import Tensor, on_host

__all__ = ["PictureSource", "open_picture"]

PictureSource: TypeAlias = str | os.PathLike[str] | Image.Image | NDArray[np.uint8] | Tensor
"""A file's path, one of Pillow's images, or a uint8 array (height, width, 3) of any library."""

# The filters of the warnings module belong to the process, not to the thread.
_filters = threading.Lock()


def open_picture(source: PictureSource) -> Image.Image:
    """Read a picture, turn it upright as its EXIF tag says, and convert it to RGB.

    Parameters
    ----------
    source : str, Path, PIL.Image.Image or uint8 array (height, width, 3)
        It is left as it is. Arrays may be any library's that has DLPack. Of a film or a document
        the first frame is read.

    Returns
    -------
    PIL.Image.Image, mode RGB

    Raises
    ------
    PictureError
        If it can't be read, or is no picture.

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
        return _from_file(Path(source))
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


def _from_file(path: Path) -> Image.Image:
    try:
        if path.is_dir():
            raise PictureError(f"{path} is a folder, not a picture: give a file in it.")
        file = path.open("rb")
    except FileNotFoundError as error:
        raise PictureError(f"{path} does not exist: check the name and the folder.") from error
    except PermissionError as error:
        raise PictureError(f"{path} can't be read: there is no permission to.") from error
    except (OSError, ValueError) as error:
        raise PictureError(f"{path} can't be read: {error}.") from error
    with file:
        if os.fstat(file.fileno()).st_size == 0:
            raise PictureError(f"{path} is empty, 0 bytes long: fetch it again.")
        try:
            with _filters, warnings.catch_warnings():
                # Pillow warns of half of what it refuses.
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                picture = Image.open(file)
        except UnidentifiedImageError as error:
            raise PictureError(
                f"{path} is not a picture, or of a kind that Pillow can't read: "
                "convert it to PNG or JPEG."
            ) from error
        except Image.DecompressionBombError as error:
            raise PictureError(
                f"{path} is refused as a possible decompression bomb, because it has more than "
                f"{2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels: scale it down first."
            ) from error
        except Exception as error:  # Pillow's decoders raise anything on damaged files.
            raise _damaged(path, error) from error
        with picture:
            return _decode(picture, str(path), ours=True)


def _decode(picture: Image.Image, name: str, *, ours: bool = False) -> Image.Image:
    if 0 in picture.size:
        raise PictureError(f"{name} has no pixels: it is {picture.width}x{picture.height}.")
    try:
        if ours:  # Nobody else sees it: a photograph's copy would take 50 MB.
            ImageOps.exif_transpose(picture, in_place=True)
        else:
            picture = ImageOps.exif_transpose(picture)
    except Exception as error:  # As above; this is where the pixels are read.
        raise _damaged(name, error) from error
    return to_rgb(picture, name=name)


def _damaged(name: str | Path, error: Exception) -> PictureError:
    reason = str(error) or type(error).__name__
    return PictureError(f"{name} is damaged or cut off ({reason}): fetch it again.")
