"""Files of pictures, opened as far as their header."""

from __future__ import annotations

import io
import os
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from PIL import Image, PngImagePlugin, UnidentifiedImageError

from vitonnx.blame import blamed_on, reason_of, why_unopened
from vitonnx.errors import PictureError, UsageError
from vitonnx.filenames import refuse_address
from vitonnx.media._encoded import Encoded
from vitonnx.media._formats import HEAD, Kind, formats_read, is_read, kind_of
from vitonnx.media._slow import refuse_long_header, refuse_runs_in_icon, refuse_slow
from vitonnx.regular import refuse_special

__all__ = ["damaged", "damaged_if_raised", "opened_picture", "refuse_pixels"]

# Bytes of a PNG's colour profile or notes, unpacked: printers' profiles have up to 3 MB, where
# Pillow's own limit is 1.
LONGEST_PROFILE = 2**24
# The filters of the warnings module, and Pillow's limits, belong to the process, not to the thread.
_of_the_process = threading.Lock()
if hasattr(os, "register_at_fork"):  # Windows has no fork
    # A forked process would have what another thread was about to set back, and wait for it.
    os.register_at_fork(
        before=_of_the_process.acquire,
        after_in_parent=_of_the_process.release,
        after_in_child=_of_the_process.release,
    )


@contextmanager
def opened_picture(source: Path | Encoded, max_pixels: int | None = None) -> Iterator[Image.Image]:
    """Open a picture file and read its header, but not its pixels.

    Raise a PictureError if it can't be read, has more than `max_pixels`, or is no picture.
    """
    file = io.BytesIO(source.read()) if isinstance(source, Encoded) else _opened(source)
    name = str(source)
    with file:
        size = file.seek(0, os.SEEK_END)
        if size == 0:
            raise PictureError(f"{name} is empty (0 bytes): download or copy it again.")
        file.seek(0)
        kind = kind_of(source.suffix, file.read(HEAD))
        file.seek(0)
        if kind is not None:
            is_read(kind)  # makes Pillow ready for it
        refuse_long_header(name, file)
        refuse_runs_in_icon(name, file)
        with damaged_if_raised(name):
            try:
                with _limit_of(max_pixels):
                    picture = Image.open(file, formats=formats_read())
            except UnidentifiedImageError as error:
                raise PictureError(_unknown(name, kind)) from error
            except Image.DecompressionBombError as error:
                usual = 2 * (Image.MAX_IMAGE_PIXELS or 0)
                (pixels, *_) = map(int, re.findall(r"\d+", str(error)))
                raise PictureError(_too_large(name, pixels, max_pixels or usual)) from error
        with picture:
            refuse_pixels(name, picture, max_pixels)
            if max_pixels is None:
                refuse_slow(name, picture, size)
            yield picture


def _opened(path: Path) -> IO[bytes]:
    """Open a file, or say why it can't be."""
    refuse_special(path, PictureError)
    try:
        refuse_address(str(path))
        if path.is_dir():
            raise PictureError(f"{path} is a folder, not a picture: give a file in it.")
        return path.open("rb")
    except UsageError as error:
        raise PictureError(str(error)) from error
    except FileNotFoundError as error:
        raise PictureError(f"{path} does not exist: check the name and the folder.") from error
    except PermissionError as error:
        raise PictureError(f"can't read {path}: permission denied.") from error
    except (OSError, ValueError) as error:
        raise PictureError(f"can't read {path}: {why_unopened(error)}.") from error


def refuse_pixels(name: str, picture: Image.Image, max_pixels: int | None) -> None:
    """Refuse what has more pixels than are allowed."""
    pixels = picture.width * picture.height
    if max_pixels is not None and pixels > max_pixels:
        raise PictureError(_too_large(name, pixels, max_pixels))


@contextmanager
def damaged_if_raised(name: str | Path) -> Iterator[None]:
    """Turn whatever a decoder raises into one sentence on its picture, a PictureError.

    Decoders raise anything on damaged files: SyntaxError, AssertionError, struct.error, and errors
    of the libraries they use.
    """
    with blamed_on(name, PictureError, lambda reason: _damaged(name, reason)):
        try:
            yield
        except Image.DecompressionBombError as error:
            raise PictureError(
                f"{name} is refused as a possible decompression bomb, because its content is "
                "larger than its header says: save it as PNG or JPEG."
            ) from error


def damaged(name: str | Path, error: Exception) -> PictureError:
    """Return an error for a damaged file, with the decoder's reason."""
    return PictureError(_damaged(name, reason_of(error)))


def _damaged(name: str | Path, reason: str) -> str:
    return f"{name} is damaged or truncated ({reason}): download or copy it again."


@contextmanager
def _limit_of(most: int | None) -> Iterator[None]:
    """Let Pillow open what has so many pixels, and warn of nothing that it doesn't refuse."""
    with _of_the_process, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        usual, text = Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK
        PngImagePlugin.MAX_TEXT_CHUNK = LONGEST_PROFILE
        if most is not None:
            Image.MAX_IMAGE_PIXELS = most
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK = usual, text


def _too_large(name: str, pixels: int, most: int) -> str:
    return (
        f"{name} is refused as a possible decompression bomb, because it has {pixels:,} pixels and "
        f"{most:,} are allowed: scale it down first, or allow more with --max-pixels MILLIONS (in "
        "Python, max_pixels)."
    )


def _unknown(name: str, kind: Kind | None) -> str:
    if kind is None:
        return f"{name} is not a picture in a supported format: convert it to PNG or JPEG."
    if is_read(kind):
        return f"{name} is damaged or truncated: download or copy it again."
    return f"{name} is {kind.one}, which isn't read as a picture: {kind.remedy}."
