"""Videos in animated pictures that Pillow knows more of than FFmpeg: WebP and AVIF."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from vitonnx.errors import PictureError, UsageError, VideoError
from vitonnx.media._formats import HEAD, kind_of, suffixes_read
from vitonnx.media._picture_file import damaged, damaged_if_raised, opened_picture
from vitonnx.media._rgb import to_rgb
from vitonnx.media.videos._container import video_errors
from vitonnx.media.videos._video import Frame, Span, spanned
from vitonnx.media.videos._video_limits import (
    LONGEST_STILL,
    MOST_PIXELS,
    believed_rate,
    lost_frames,
    most_pixels,
)

__all__ = ["PictureVideo", "is_picture_video"]

TICKS = 1000  # a second, as Pillow counts them
UNTIMED = Fraction(1, 10)  # a frame without a length, as browsers show it
STILL = Fraction(1, 25)
SEQUENCES = (b"hevc", b"hevx", b"msf1")  # of HEIC, which FFmpeg reads and Pillow doesn't
MOVING = {".gif", ".png", ".apng"}  # pictures that FFmpeg reads as videos
PNG = b"\x89PNG"
ORIENTATION = 0x0112  # Exif's number for it


def is_picture_video(path: Path) -> bool:
    """Tell whether Pillow reads a file better than FFmpeg.

    FFmpeg can't read animated WebP. It drops the transparency of AVIF, may return a tile of HEIC,
    doesn't mirror stills, and rotates only the first frame of a PNG.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError:
        return False  # opening it reports why
    if (head[:4], head[8:12]) == (
        b"RIFF",
        b"WEBP",
    ) or path.suffix.lower() in suffixes_read() - MOVING:
        return True
    if head.startswith(PNG):
        return not _is_moving_and_upright(path)
    kind = kind_of("", head)
    return kind is not None and not kind.is_video and head[8:12] not in SEQUENCES


def _is_moving_and_upright(path: Path) -> bool:
    try:
        with opened_picture(path) as picture, damaged_if_raised(path):
            if not getattr(picture, "is_animated", False):
                return False
            # Exif may stand behind the pixels of the first frame, which are read for it.
            is_large = picture.width * picture.height > MOST_PIXELS
            return is_large or picture.getexif().get(ORIENTATION, 1) == 1
    except PictureError:
        return True  # FFmpeg may still make something of it


class PictureVideo:
    """A video in a WebP or an AVIF; other pictures are videos of one frame. See `Video`.

    Raises VideoError if no frame of the span can be read, or one has more than `max_pixels`
    (`MOST_PIXELS` by default), and UsageError if there is none in the span.
    """

    def __init__(self, path: Path, span: Span, max_pixels: int | None = None) -> None:
        self.name, self._path, self._span, self._max_pixels = str(path), path, span, max_pixels
        self.complaint: str | None = None
        self.ticks = TICKS
        self.frames: int | None = None
        first = next(self.read(), None)
        if first is None:
            raise UsageError(f"{self.name} has no frame in the requested range.")
        height, width, _ = first.pixels.shape
        self.size = height, width
        self.rate = believed_rate(1 / first.duration)

    def read(self) -> Iterator[Frame]:
        """Decode the frames of the span, in the order in which they are shown."""
        most = most_pixels(self._max_pixels)
        try:
            with video_errors(self._path), opened_picture(self._path, most) as picture:
                frames = _Frames(picture, self.name)
                if self._span.start is None and self._span.end is None:
                    self.frames = -(-frames.count // self._span.every)
                timed = self._all_of(frames)
                for pixels, time, end in spanned(timed, self._span, lambda: frames.end):
                    yield Frame(pixels, time - self._span.shift, end - time)
        except PictureError as error:
            raise VideoError(str(error)) from error

    def sound(self) -> None:
        """Return no sound: pictures are silent."""

    def _all_of(self, frames: _Frames) -> Iterator[tuple[Fraction, NDArray[np.uint8]]]:
        """Decode to the end, which also finds what is missing."""
        yield from frames.read()
        if frames.lost:
            self.complaint = lost_frames(self.name, frames.lost)


class _Frames:
    """One pass through an animated picture, which ends at the first damage."""

    def __init__(self, picture: Image.Image, name: str) -> None:
        self._picture, self._name = picture, name
        moves = picture.format in ("WEBP", "AVIF", "PNG")
        frames: int = getattr(picture, "n_frames", 1) if moves else 1
        # A PNG may have a picture in front for who can't show it moving.
        first = int(frames > 1 and getattr(picture, "default_image", False))
        self._numbers = range(first, frames)
        self.count = len(self._numbers)
        self.end = Fraction(0)
        self.lost = 0

    def read(self) -> Iterator[tuple[Fraction, NDArray[np.uint8]]]:
        """Yield every frame with its time in seconds, blended over white if transparent."""
        last = Fraction(-1)
        for number in self._numbers:
            try:
                if self.count > 1:
                    self._picture.seek(number)
                upright = ImageOps.exif_transpose(self._picture)
            except Exception as error:  # Pillow's decoders raise anything on damaged files.
                if self.end == 0:
                    raise damaged(self._name, error) from error
                self.lost = self._numbers.stop - number
                return
            time, length = self._times()
            if time <= last:
                time = self.end  # frames before it have no length
            self.end, last = time + length, time
            yield time, np.array(to_rgb(upright, name=self._name))

    def _times(self) -> tuple[Fraction, Fraction]:
        """When the frame is shown, and for how long."""
        if self.count == 1:
            return Fraction(0), STILL
        told = self._picture.info
        length = Fraction(told.get("duration") or 0) / TICKS
        return (
            Fraction(told.get("timestamp") or 0, TICKS),
            length if 0 < length <= LONGEST_STILL else UNTIMED,
        )
