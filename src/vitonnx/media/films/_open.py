"""Films in: files, animated pictures, and folders of frames."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

from vitonnx.errors import FilmError, UsageError
from vitonnx.filenames import refuse_address
from vitonnx.media._find import Notice
from vitonnx.media.films._file import FilmFile
from vitonnx.media.films._film import Film, Span
from vitonnx.media.films._folder import FilmFolder
from vitonnx.media.films._picture_film import PictureFilm, is_picture_film
from vitonnx.regular import refuse_special

__all__ = ["FOLDER_RATE", "open_film"]

FOLDER_RATE = Fraction(25)


def open_film(
    path: str | os.PathLike[str],
    span: Span | None = None,
    *,
    rate: Fraction | None = None,
    max_pixels: int | None = None,
    notice: Notice | None = None,
) -> Film:
    """Open a film, and read its first frame.

    Parameters
    ----------
    path : path
        A file in a container that holds a film itself, in any codec that PyAV reads; an animated
        picture, GIF, PNG, WebP or AVIF, whose loops are not counted; or a folder of pictures in
        natural order.
    span : Span, optional
        Which frames are meant; all by default.
    rate : Fraction, optional
        Frames a second of a folder, 25 by default. Files have their own.
    max_pixels : int, optional
        Of a frame; a film with larger ones is refused. By default 35,651,584, a little more than
        8K has: the largest that H.264 has a level for.
    notice : callable, optional
        Of a folder: see `vitonnx.media.find_pictures`.

    Returns
    -------
    Film

    Raises
    ------
    FilmError
        If it can't be read, or has no frames.
    UsageError
        If nothing of it lies in the span, a folder holds no pictures, or a file is given a rate.
    """
    refuse_address(os.fspath(path))
    path, span = Path(path), span or Span()
    refuse_special(path, FilmError)
    try:
        is_folder, is_there = path.is_dir(), path.exists()
    except OSError as error:  # such as a name that is too long
        raise FilmError(f"{path} can't be read: {error.strerror}.") from error
    if is_folder:
        return FilmFolder(path, span, rate or FOLDER_RATE, max_pixels, notice)
    if not is_there:
        raise FilmError(f"There is no film {path}: check the name and the folder.")
    if rate is not None:
        raise UsageError(f"{path} has a frame rate of its own: leave --fps out.")
    film = PictureFilm if is_picture_film(path) else FilmFile
    return film(path, span, max_pixels)
