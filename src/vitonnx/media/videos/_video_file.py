"""Videos in files: any container and codec that PyAV reads."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av import FFmpegError, VideoFrame, VideoStream
from av.container import InputContainer
from PIL import Image

from vitonnx.errors import UsageError, VideoError
from vitonnx.media.videos._container import opened, video_errors
from vitonnx.media.videos._sound import Sound
from vitonnx.media.videos._upright import UprightRgb, square_size
from vitonnx.media.videos._video import Frame, Span, spanned
from vitonnx.media.videos._video_limits import (
    LONGEST_STILL,
    USUAL_RATE,
    believed_rate,
    believed_time,
    lost_frames,
    most_pixels,
    refuse_frames,
    time_of_day,
)

__all__ = ["VideoFile", "end_of", "video_of"]

FINEST_CLOCK = 1_000_000  # ticks a second
EDGES = 64
SLIMMEST = 16  # a pixel's sides: anamorphic videos stretch theirs by 2, and H.264 lists 2 at most
COUNTED = {"mov", "mp4"}  # containers that say how many frames they hold
DISCONTINUOUS = 0x0200  # AVFMT_TS_DISCONT: their clocks begin anywhere


class VideoFile:
    """A video in a file; see `Video`.

    Raises VideoError if it can't be read, has no video stream, its frames have more than
    `max_pixels` (`MOST_PIXELS` by default), or none of the span can be decoded.
    """

    def __init__(self, path: Path, span: Span, max_pixels: int | None = None) -> None:
        self.name, self._path, self._span = str(path), path, span
        self._most_pixels = most_pixels(max_pixels)
        self.complaint: str | None = None
        self._has_frames = False
        self._size: tuple[int, int] | None = None
        with video_errors(path), opened(path) as container:
            stream = video_of(container, path)
            self._check(stream)
            self.rate = believed_rate(stream.guessed_rate, stream.average_rate)
            self.ticks = min((stream.time_base or 1 / USUAL_RATE).denominator, FINEST_CLOCK)
            self._zero = _zero(container)
            self._video_end = end_of(container, stream)
            self._counted = max(0, stream.frames) if _counted(container) else 0
            self._has_sound = any(track.codec_context for track in container.streams.audio)
        self.frames = self._expected()
        # Only a frame knows how it is to be turned.
        first = next(self.read(), None)
        if first is None:
            raise self._nothing()
        height, width, _ = first.pixels.shape
        self.size = self._size = height, width

    def read(self) -> Iterator[Frame]:
        """Decode the frames of the span, in the order in which they are shown."""
        with video_errors(self._path), opened(self._path) as container:
            stream = video_of(container, self._path)
            # Threads by frame lose good frames beside a damaged one; by slice they don't.
            stream.thread_type = "SLICE"
            stream.codec_context.options = {"max_pixels": str(self._with_edges(stream))}
            upright = UprightRgb(stream.sample_aspect_ratio)
            decoding = _Decoding(container, stream, self.rate, self._zero)
            if self._span.start is not None:
                decoding.seek(self._span.start)
            frames = self._all_of(decoding)
            for frame, time, end in spanned(frames, self._span, lambda: decoding.end):
                yield self._frame(upright, frame, time, end)

    def _all_of(self, decoding: _Decoding) -> Iterator[tuple[Fraction, VideoFrame]]:
        """Decode to the end, which also finds what is missing."""
        for timed in decoding.frames():
            self._has_frames = True
            yield timed
        self._complain(decoding)

    def sound(self) -> Sound | None:
        """Open the video's sound; None where there is none."""
        if not self._has_sound:
            return None
        span, zero = self._span, self._zero
        return Sound(
            self._path,
            offset=zero + span.shift,
            start=None if span.start is None else span.start + zero,
            end=None if span.end is None else span.end + zero,
        )

    def _with_edges(self, stream: VideoStream) -> int:
        """Return the largest frame as FFmpeg counts it: sides are multiples of up to 64."""
        codec = stream.codec_context
        return max(self._most_pixels, (codec.height + EDGES) * (codec.width + EDGES))

    def _check(self, stream: VideoStream) -> None:
        """Refuse by the header what would be too large, also once its pixels are square."""
        size = stream.codec_context.height, stream.codec_context.width
        refuse_frames(self.name, size, self._most_pixels)
        aspect = stream.sample_aspect_ratio
        if aspect and not 1 / SLIMMEST <= aspect <= SLIMMEST:
            raise VideoError(
                f"{self.name} says that its pixels are {float(aspect):g} times as wide as high, "
                "as in no real video: convert it to square pixels."
            )
        refuse_frames(self.name, square_size(size, aspect), self._most_pixels)

    def _frame(
        self, upright: UprightRgb, frame: VideoFrame, time: Fraction, end: Fraction
    ) -> Frame:
        # The header may say less than there is, and a video may grow on the way.
        refuse_frames(self.name, upright.size_of(frame), self._most_pixels)
        pixels = upright(frame)
        if self._size is not None and pixels.shape[:2] != self._size:
            # The video changes its size on the way; the first frame's is kept.
            height, width = self._size
            picture = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)
            pixels = np.asarray(picture)
        return Frame(pixels, time - self._span.shift, end - time)

    def _expected(self) -> int | None:
        """About how many frames there are in the span."""
        start, end = self._span.shift, self._span.end
        if self._counted and self._span.start is None and end is None:
            return -(-self._counted // self._span.every)
        ends = [time for time in (end, self._video_end) if time is not None]
        if not ends:
            return None
        return max(1, round((min(ends) - start) * self.rate / self._span.every))

    def _complain(self, decoding: _Decoding) -> None:
        """Compare what was decoded to its end with what the file promised."""
        lost, about = decoding.damaged, ""
        if self._video_end is not None:
            missing = round((self._video_end - decoding.end) * self.rate)
            if missing > 0 and self._counted and self._span.start is None:
                missing = self._counted - decoding.decoded
                lost = max(missing, lost)
            elif missing > 0:
                lost, about = lost + missing, "about "
        if lost:
            self.complaint = lost_frames(self.name, lost, about)

    def _nothing(self) -> VideoError | UsageError:
        if self._has_frames or (self._span != Span() and self._video_end is not None):
            long = f"; it is {float(self._video_end):.2f} s long" if self._video_end else ""
            return UsageError(f"{self.name} has no frame in the requested range{long}.")
        return VideoError(
            f"can't decode any frame of {self.name}: it may be damaged, or have more than the "
            f"{self._most_pixels:,} pixels allowed. Download or convert it again."
        )


class _Decoding:
    """One pass through a video, which counts its findings."""

    def __init__(
        self, container: InputContainer, stream: VideoStream, rate: Fraction, zero: Fraction
    ) -> None:
        self._container, self._stream = container, stream
        self._usual = 1 / rate
        self._zero = zero
        self.decoded = self.damaged = 0
        self.end = Fraction(0)

    def seek(self, time: Fraction) -> None:
        """Go to the last key frame before a time."""
        base = self._stream.time_base
        if base is None:
            return
        try:
            self._container.seek(int((time + self._zero) / base), stream=self._stream)
        except (FFmpegError, OverflowError):
            # What can't be sought in is read from its start.
            return

    def frames(self) -> Iterator[tuple[Fraction, VideoFrame]]:
        """Yield every frame that can be decoded, with its time in seconds."""
        last: Fraction | None = None
        for frame in self._frames():
            self.decoded += 1
            time = self._told(frame)
            if time is None or (last is not None and not last < time <= last + LONGEST_STILL):
                time = self.end  # a clock that stands still, or jumps
            length = frame.duration * frame.time_base if frame.time_base else 0
            # A frame is shown until the next; only the last needs a length of its own.
            self.end = time + (length if 0 < length <= LONGEST_STILL else self._usual)
            last = time
            yield time, frame

    def _told(self, frame: VideoFrame) -> Fraction | None:
        """When a frame is shown, as it says itself."""
        if frame.pts is None or frame.time_base is None:
            return None
        return believed_time(frame.pts * frame.time_base - self._zero)

    def _frames(self) -> Iterator[VideoFrame]:
        try:
            for packet in self._container.demux(self._stream):
                try:
                    yield from packet.decode()
                except FFmpegError:
                    self.damaged += 1
        except FFmpegError:
            # The container itself ends in the middle of something.
            self.damaged += 1
            yield from self._rest()

    def _rest(self) -> list[VideoFrame]:
        """Take what the decoder still holds."""
        try:
            return self._stream.decode(None)
        except FFmpegError:
            return []


def video_of(container: InputContainer, path: Path) -> VideoStream:
    """Find the first stream of moving pictures; the cover of a song is none, nor a still."""
    covers = av.stream.Disposition.attached_pic
    found = [
        stream
        for stream in container.streams.video
        if not stream.disposition & covers and stream.codec_context is not None
    ]
    if not found:
        raise VideoError(f"{path} has no video stream: give a video, a GIF or a folder of frames.")
    # HEIF and AVIF have a picture for who reads no videos, before the video: a stream of one frame.
    moving = [stream for stream in found if not (_counted(container) and stream.frames == 1)]
    return (moving or found)[0]


def _zero(container: InputContainer) -> Fraction:
    """When the video begins on its own clock; broadcasts begin at any hour."""
    if container.format.flags & DISCONTINUOUS and container.start_time is not None:
        return believed_time(Fraction(container.start_time, av.time_base)) or Fraction(0)
    return Fraction(0)


def _counted(container: InputContainer) -> bool:
    return bool(COUNTED & set(container.format.name.split(",")))


def end_of(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """Return the end of the video according to the file; None if missing or impossible."""
    end = believed_time(_told_end(container, stream))
    return end if end is not None and end > 0 else None


def _told_end(container: InputContainer, stream: VideoStream) -> Fraction | None:
    if container.format.name == "avi" and stream.frames and stream.time_base:
        return stream.frames * stream.time_base  # a cut file's duration is guessed
    if stream.duration is not None and stream.time_base is not None:
        return stream.duration * stream.time_base
    told = time_of_day(stream.metadata.get("DURATION", ""))
    if told is not None:
        return told
    if container.duration is not None and not container.streams.audio:
        return Fraction(container.duration, av.time_base)
    return None
