"""Facts about a video, known before a frame is decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from vitonnx.media.videos._container import CONTAINERS, opened, video_errors
from vitonnx.media.videos._file import end_of, video_of

__all__ = ["VideoFacts", "read_facts"]


@dataclass(frozen=True)
class VideoFacts:
    """Facts from the header of a video.

    Parameters
    ----------
    size : (height, width)
        Coded size in pixels.
    seconds : Fraction or None
        Duration; None if the file doesn't tell.
    """

    size: tuple[int, int]
    seconds: Fraction | None


def read_facts(path: Path, formats: Sequence[str] = CONTAINERS) -> VideoFacts:
    """Read the header of a video, to decide whether to decode it.

    Parameters
    ----------
    path : Path
        The file.
    formats : sequence of str
        The containers that may be opened, as FFmpeg calls them; by default all that are read.

    Returns
    -------
    VideoFacts

    Raises
    ------
    VideoError
        If it is not a video, or its container isn't supported.
    """
    with video_errors(path), opened(path, formats) as container:
        stream = video_of(container, path)
        size = (stream.codec_context.height, stream.codec_context.width)
        return VideoFacts(size, end_of(container, stream))
