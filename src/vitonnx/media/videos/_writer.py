"""Videos out: H.264 in .mp4, as every browser plays it, with the sound of another video."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import av
import numpy as np
from av import AudioStream, Packet, VideoFrame, VideoStream
from av.container import OutputContainer
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

from vitonnx.errors import VideoError, VitonnxError
from vitonnx.media.videos._sound import Sound
from vitonnx.media.videos._video import Frame

__all__ = ["VideoWriter"]

CODEC: Final = "libx264"
# Good enough that a second encoding isn't seen, at several times the usual speed. Without B-frames
# the file has the frames in their order, so that the length of the last one is known.
ENCODING = {"crf": "18", "preset": "veryfast", "bf": "0"}
# The encoder looks ahead at forty frames, for the best use of its bits; of frames larger than 4K by
# two that takes gigabytes, and it looks at one.
LARGE = 2**24  # pixels
NEAR = {"rc-lookahead": "0", "sync-lookahead": "0"}
# What a browser must know stands in front, so that it plays before all is there.
CONTAINER = {"movflags": "faststart"}
EARLIEST = -(2**62)  # ticks, before any video begins
BT709 = 1  # in all three of H.264's lists of colours: those of HD


class VideoWriter:
    """A video that is being written, frame by frame.

    The file is made with the first frame. Leaving the block ends it properly, so that it plays up
    to the last frame written, also where the block is left by Ctrl-C; if that fails, or anything
    else went wrong, no file is left.

    Parameters
    ----------
    path : Path
        Path with the suffix .mp4.
    rate : Fraction
        Frames a second, on average.
    ticks : int
        Parts of a second that times are rounded to.
    sound : Sound or None
        Sound to add.

    Raises
    ------
    VideoError
        If PyAV was built without the encoder, or it doesn't take the frames.
    OSError
        If the file can't be written.
    """

    def __init__(self, path: Path, *, rate: Fraction, ticks: int, sound: Sound | None) -> None:
        if CODEC not in av.codecs_available:
            raise VideoError("This PyAV can't write H.264: install one that can (pip install av).")
        self._path, self._rate, self._clock, self._sound = path, rate, Fraction(1, ticks), sound
        self._begun: _Begun | None = None
        self._last = EARLIEST
        self._reformatter = VideoReformatter()

    def write(self, frame: Frame) -> None:
        """Add a frame, and the sound up to it. All frames must have the same size.

        A side of odd length gets one more pixel: H.264 stores colours for two by two.
        """
        pixels = frame.pixels
        height, width, _ = pixels.shape
        if height % 2 or width % 2:
            pixels = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        with _encoder_errors(self._path):
            if self._begun is None:
                output = av.open(str(self._path), "w", format="mp4", options=CONTAINER)
                track = _add_track(output, pixels.shape[:2], self._rate, self._clock)
                self._begun = _Begun(output, track, self._sound)
            picture = self._to_yuv(pixels)
            picture.time_base = self._clock
            # Frames may be nearer to each other than the clock's ticks.
            self._last = max(round(frame.time / self._clock), self._last + 1)
            picture.pts = self._last
            self._begun.encode(picture, max(1, round(frame.duration / self._clock)))
            self._begun.add_sound(until=frame.time)

    def _to_yuv(self, pixels: NDArray[np.uint8]) -> VideoFrame:
        """Convert RGB to what the encoder takes, in the colours of HD, which the file names."""
        return self._reformatter.reformat(
            VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._begun is None:
            return
        ended = False
        try:
            with _encoder_errors(self._path):
                if kind is None:
                    self._begun.flush()
                    self._begun.add_sound()
                elif issubclass(kind, KeyboardInterrupt):
                    self._begun.flush()
                self._begun.output.close()
            ended = kind is None or issubclass(kind, KeyboardInterrupt)
        finally:
            if not ended:
                self._path.unlink(missing_ok=True)


class _Begun:
    """A file that has its first frame."""

    def __init__(self, output: OutputContainer, track: VideoStream, sound: Sound | None) -> None:
        self.output, self._track = output, track
        self._durations: dict[int, int] = {}
        self._source = sound
        self._sound: Iterator[tuple[Fraction, Packet[AudioStream]]] = iter(())
        if sound is not None:
            sound.attach(output)
            self._sound = sound.packets()
        self._next = next(self._sound, None)

    def encode(self, picture: VideoFrame, duration: int) -> None:
        """Encode a picture, and write the output to the file."""
        if picture.pts is not None:
            self._durations[picture.pts] = duration
        self._mux(self._track.encode(picture))

    def flush(self) -> None:
        """Write what the encoder still holds."""
        self._mux(self._track.encode(None))

    def add_sound(self, until: Fraction | None = None) -> None:
        """Write the sound up to a time; all that is left without one."""
        while self._next is not None and (until is None or self._next[0] <= until):
            try:
                self.output.mux(self._next[1])
            except (ValueError, OverflowError):  # its times go backwards, or can't be
                if self._source is not None:
                    self._source.lose()
            self._next = next(self._sound, None)

    def _mux(self, packets: list[Packet[VideoStream]]) -> None:
        for packet in packets:
            if packet.pts is not None:
                # The encoder knows of no durations, and the last frame's is nowhere else.
                packet.duration = self._durations.pop(packet.pts, packet.duration)
            self.output.mux(packet)


@contextmanager
def _encoder_errors(path: Path) -> Iterator[None]:
    """Turn errors of the encoder into a sentence; a full disk is reported by the opener."""
    try:
        yield
    except (VitonnxError, OSError, MemoryError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise VideoError(
            f"can't write {path} as H.264 ({reason}): the encoder doesn't accept the size, frame "
            "rate or timestamps of the video. Scale it down or convert it."
        ) from error


def _add_track(
    output: OutputContainer, size: tuple[int, ...], rate: Fraction, clock: Fraction
) -> VideoStream:
    height, width = size
    encoding = ENCODING | (NEAR if height * width > LARGE else {})
    track = output.add_stream(CODEC, rate=rate, options=encoding)
    track.height, track.width = height, width
    track.pix_fmt = "yuv420p"
    codec = track.codec_context
    codec.time_base = clock
    codec.color_primaries = codec.color_trc = codec.colorspace = BT709
    codec.color_range = ColorRange.MPEG
    return track
