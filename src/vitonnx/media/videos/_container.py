"""Containers that hold a video, opened so that nothing else is opened with them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO

import av
from av.container import InputContainer

from vitonnx.blame import blamed_on, why_unopened
from vitonnx.errors import VideoError
from vitonnx.regular import refuse_special

__all__ = ["CONTAINERS", "opened", "video_errors"]

# Those that hold a video themselves, as FFmpeg calls them. It knows playlists and manifests too
# (concat, hls, dash, imf, sdp …), patterns of names (image2), devices and graphs of filters
# (lavfi): they would make it read other files, whatever the name of what was given, or the net.
CONTAINERS = (
    *("mov", "matroska", "avi", "asf", "flv", "mpegts", "mpeg", "ogg", "rm", "mxf", "gxf", "nut"),
    *("wtv", "dv", "ivf", "gif", "apng", "yuv4mpegpipe", "amv", "lxf", "nsv", "live_flv"),
    # Streams of one codec, without a container.
    *("mpegvideo", "m4v", "h261", "h263", "h264", "hevc", "vvc", "av1", "obu", "mjpeg", "dirac"),
    *("vc1", "dnxhd", "cavsvideo", "avs2", "avs3", "evc"),
)
NO_PROTOCOL = "none"  # FFmpeg has none of that name: it opens nothing by itself
READ_AT_ONCE = 2**18  # bytes: each reading waits for Python's lock
# FFmpeg decodes a frame as it opens a file, before its size can be checked, so that it has
# a limit of its own: Pillow's for pictures, so that of any video up to there the size can be told.
OPENED_PIXELS = 178_956_970


@contextmanager
def opened(path: Path, formats: Sequence[str] = CONTAINERS) -> Iterator[InputContainer]:
    """Open a video's container, if it is one of `formats`, and read its header.

    FFmpeg is given the open file and no name of one: it can open no other. Raise a VideoError if it
    can't be opened.
    """
    with _file(path) as file:
        options = {
            "format_whitelist": ",".join(formats),
            "protocol_whitelist": NO_PROTOCOL,
            "max_pixels": str(OPENED_PIXELS),
        }
        try:
            container = av.open(file, "r", options=options, buffer_size=READ_AT_ONCE)
        except MemoryError:
            raise
        except Exception as error:
            raise VideoError(
                f"can't open {path} as a video: it is not a video, its format isn't supported, or "
                "it is truncated before its index. Download or convert it again."
            ) from error
        with container:
            yield container


def _file(path: Path) -> BinaryIO:
    refuse_special(path, VideoError)
    try:
        file = path.open("rb")
    except PermissionError as error:
        raise VideoError(f"can't read {path}: permission denied.") from error
    except (OSError, ValueError) as error:
        raise VideoError(f"can't read {path}: {why_unopened(error)}.") from error
    if os.fstat(file.fileno()).st_size == 0:
        file.close()
        raise VideoError(f"{path} is empty (0 bytes): download or copy it again.")
    return file


def video_errors(name: str | Path) -> AbstractContextManager[None]:
    """Turn whatever a library raises on a video into one sentence, a VideoError."""
    return blamed_on(
        name,
        VideoError,
        lambda reason: (
            f"{name} is damaged or has impossible metadata ({reason}): download or convert it "
            "again."
        ),
    )
