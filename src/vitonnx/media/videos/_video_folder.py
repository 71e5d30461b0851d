"""Videos in folders: one picture a frame, in natural order."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitonnx.errors import PictureError, UsageError, VideoError
from vitonnx.media._find_pictures import Notice, find_pictures
from vitonnx.media._picture import open_picture
from vitonnx.media.videos._video import Frame, Span
from vitonnx.media.videos._video_limits import most_pixels

__all__ = ["VideoFolder"]


class VideoFolder:
    """A video in a folder of pictures; see `Video`, and `open_video` for its options.

    A picture that can't be read, or is of another size than the first that can, is left out; the
    one before it is shown in its place. Raises VideoError if none can be read.
    """

    def __init__(
        self,
        path: Path,
        span: Span,
        rate: Fraction,
        max_pixels: int | None = None,
        notice: Notice | None = None,
    ) -> None:
        self.name = str(path)
        self._max_pixels = most_pixels(max_pixels)
        self.rate, self.ticks = rate, rate.numerator
        self.complaint: str | None = None
        self._span = span
        files = find_pictures([path], notice=notice)
        end = len(files) if span.end is None else math.ceil(span.end * rate)
        self._files = list(enumerate(files))[math.ceil(span.shift * rate) : end : span.every]
        if not self._files:
            raise UsageError(
                f"{path} has no frame in the requested range; at {float(rate):g} frames a second "
                f"its {len(files)} pictures last {float(len(files) / rate):.2f} s."
            )
        whole = len(files) / rate
        self._last = whole if span.end is None else min(span.end, whole)
        self.frames = len(self._files)
        self.size = self._first_size()

    def read(self) -> Iterator[Frame]:
        """Decode the frames of the span, in their order."""
        bad: list[str] = []
        held: Frame | None = None
        for number, file in self._files:
            time = number / self.rate
            try:
                pixels = self._pixels(file)
            except PictureError as error:
                bad.append(str(error))
                continue
            if held is not None:
                yield self._lasting(held, time)
            held = Frame(pixels, time, 1 / self.rate)
        if held is not None:
            yield self._lasting(held, self._last)
        if bad:
            self.complaint = (
                f"{len(bad)} of {len(self._files)} frames in {self.name} skipped; {bad[0]}"
            )

    def sound(self) -> None:
        """Return no sound: pictures are silent."""

    def _lasting(self, frame: Frame, until: Fraction) -> Frame:
        return Frame(frame.pixels, frame.time - self._span.shift, until - frame.time)

    def _pixels(self, file: Path) -> NDArray[np.uint8]:
        pixels = np.asarray(open_picture(file, max_pixels=self._max_pixels))
        if pixels.shape[:2] != self.size:
            height, width, _ = pixels.shape
            raise PictureError(
                f"{file} is {height}x{width}, but the video is {self.size[0]}x{self.size[1]}: "
                "scale it, or move it to another folder."
            )
        return pixels

    def _first_size(self) -> tuple[int, int]:
        for _, file in self._files:
            try:
                picture = open_picture(file, max_pixels=self._max_pixels)
            except PictureError as error:
                problem = error
            else:
                return picture.height, picture.width
        raise VideoError(f"can't read any picture in {self.name}; the last: {problem}")
