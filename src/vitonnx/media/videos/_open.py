"""Videos in: files, animated pictures, and folders of frames."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

from vitonnx.errors import UsageError, VideoError
from vitonnx.filenames import refuse_address
from vitonnx.media._find import Notice
from vitonnx.media.videos._file import VideoFile
from vitonnx.media.videos._folder import VideoFolder
from vitonnx.media.videos._picture_video import PictureVideo, is_picture_video
from vitonnx.media.videos._video import Span, Video
from vitonnx.regular import refuse_special

__all__ = ["FOLDER_RATE", "open_video"]

FOLDER_RATE = Fraction(25)


def open_video(
    path: str | os.PathLike[str],
    span: Span | None = None,
    *,
    rate: Fraction | None = None,
    max_pixels: int | None = None,
    notice: Notice | None = None,
) -> Video:
    """Open a video, and read its first frame.

    Parameters
    ----------
    path : path
        File in a supported container, with any codec that PyAV reads; an animated picture (GIF,
        PNG, WebP or AVIF), whose loops are ignored; or a folder of pictures in natural order.
    span : Span, optional
        Frames to read; all by default.
    rate : Fraction, optional
        Frames a second of a folder, 25 by default. Files have their own.
    max_pixels : int, optional
        Largest frame, in pixels; a video with larger ones is refused. By default 35,651,584, a
        little more than 8K: the largest that H.264 has a level for.
    notice : callable, optional
        For a folder: see `vitonnx.media.find_pictures`.

    Returns
    -------
    Video

    Raises
    ------
    VideoError
        If it can't be read, or has no frames.
    UsageError
        If the span is empty, a folder holds no pictures, or a file is given a rate.
    """
    refuse_address(os.fspath(path))
    path, span = Path(path), span or Span()
    refuse_special(path, VideoError)
    try:
        is_folder, is_there = path.is_dir(), path.exists()
    except OSError as error:  # such as a name that is too long
        raise VideoError(f"can't read {path}: {error.strerror}.") from error
    if is_folder:
        return VideoFolder(path, span, rate or FOLDER_RATE, max_pixels, notice)
    if not is_there:
        raise VideoError(f"There is no video {path}: check the name and the folder.")
    if rate is not None:
        raise UsageError(f"{path} has a frame rate of its own: omit --fps.")
    video = PictureVideo if is_picture_video(path) else VideoFile
    return video(path, span, max_pixels)
