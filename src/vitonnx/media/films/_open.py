"""Films in: files, GIFs, and folders of frames."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

from vitonnx.errors import FilmError, UsageError
from vitonnx.media.films._file import FilmFile
from vitonnx.media.films._film import Film, Span
from vitonnx.media.films._folder import FilmFolder

__all__ = ["FOLDER_RATE", "open_film"]

FOLDER_RATE = Fraction(25)


def open_film(
    path: str | os.PathLike[str],
    span: Span | None = None,
    *,
    rate: Fraction | None = None,
    pixels: int | None = None,
) -> Film:
    """Open a film, and read its first frame.

    Parameters
    ----------
    path : path
        A file in any container and codec that PyAV reads, a GIF, or a folder of pictures in
        natural order.
    span : Span, optional
        Which frames are meant; all by default.
    rate : Fraction, optional
        Frames a second of a folder, 25 by default. Files have their own.
    pixels : int, optional
        The largest frame of a file that is decoded; a larger one counts as damaged, whatever the
        header says. Any by default.

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
    path, span = Path(path), span or Span()
    if path.is_dir():
        return FilmFolder(path, span, rate or FOLDER_RATE)
    if not path.exists():
        raise FilmError(f"There is no film {path}: check the name and the folder.")
    if rate is not None:
        raise UsageError(f"{path} has a frame rate of its own: leave --fps out.")
    return FilmFile(path, span, pixels)
