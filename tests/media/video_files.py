"""Videos made for tests, and a second look at videos, with nothing of vitonnx."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def frames(count: int, height: int = 53, width: int = 71) -> list[Pixels]:
    """Make frames that all differ: smooth, so that a codec keeps them, with one bright corner."""
    down, across = np.mgrid[:height, :width]
    made = []
    for index in range(count):
        grey = 90 + 60 * np.sin(down / 9 + index) * np.cos(across / 7 - index / 3)
        picture = np.stack([grey, grey * 0.9, grey * 0.7], axis=-1).astype(np.uint8)
        picture[: height // 5, : width // 5] = (250, 200, 20)
        made.append(picture)
    return made


def even(count: int, rate: int = 25) -> list[Fraction]:
    """Times of a constant frame rate."""
    return [Fraction(index, rate) for index in range(count)]


def uneven(count: int, clock: int = 12800) -> list[Fraction]:
    """Times of a variable frame rate, in whole ticks."""
    steps = np.random.default_rng(3).integers(clock // 90, clock // 9, count)
    return [Fraction(int(ticks), clock) for ticks in np.cumsum(steps) - steps[0]]


def write_song(path: Path) -> Path:
    """Write a moment of silence with PyAV alone, and no pictures."""
    with av.open(str(path), "w", format="mp4") as output:
        song = output.add_stream("aac", rate=48000)
        assert isinstance(song, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), "fltp", "mono")
        frame.sample_rate = 48000
        output.mux(song.encode(frame))
        output.mux(song.encode(None))
    return path


def write_video(
    path: Path,
    pictures: Sequence[Pixels],
    times: Sequence[Fraction] | None = None,
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    clock: int = 12800,
    sound: str | None = None,
    aspect: Fraction | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Write a video with PyAV alone.

    A side of odd length is padded where the pixel format is of two by two; `sound` names an audio
    codec, and a tone in it lasts as long as the video.
    """
    times = even(len(pictures)) if times is None else times
    height, width, _ = pictures[0].shape
    if pixel_format == "yuv420p":
        height, width = height + height % 2, width + width % 2
    with av.open(str(path), "w", options=options or {}) as output:
        track = output.add_stream(codec, rate=25)
        assert isinstance(track, av.VideoStream)
        track.height, track.width, track.pix_fmt = height, width, pixel_format
        track.codec_context.time_base = Fraction(1, clock)
        if aspect is not None:
            track.codec_context.sample_aspect_ratio = aspect
        tone = _add_tone(output, sound) if sound else None
        for picture, time in zip(pictures, times, strict=True):
            padding = ((0, height - picture.shape[0]), (0, width - picture.shape[1]), (0, 0))
            frame = av.VideoFrame.from_ndarray(np.pad(picture, padding, mode="edge"))
            frame.time_base, frame.pts = Fraction(1, clock), round(time * clock)
            output.mux(track.encode(frame))
        output.mux(track.encode(None))
        if tone is not None:
            _write_tone(output, tone, float(times[-1]) + 0.04)
    return path


def write_exactly(
    path: Path, pictures: Sequence[Pixels], times: Sequence[Fraction] | None = None, **more: Any
) -> Path:
    """Write a video that keeps its pixels, so that every frame can be told from its neighbours."""
    return write_video(path, pictures, times, codec="ffv1", pixel_format="bgr0", **more)


def turn(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """Write a display matrix into the header of an .mp4's first track.

    The matrix a, b, c, d takes x to ``a x + c y``, and y to ``b x + d y``.
    """
    content = bytearray(path.read_bytes())
    start = content.index(b"tkhd") + 44
    for place, value in zip((0, 4, 12, 16), matrix, strict=True):
        number = (value * 65536).to_bytes(4, "big", signed=True)
        content[start + place : start + place + 4] = number
    path.write_bytes(content)
    return path


def _add_tone(output: av.container.OutputContainer, codec: str) -> av.AudioStream:
    stream = output.add_stream(codec, rate=48000)
    assert isinstance(stream, av.AudioStream)
    stream.codec_context.layout = "mono"
    return stream


def _write_tone(
    output: av.container.OutputContainer, stream: av.AudioStream, seconds: float
) -> None:
    for start in range(0, int(seconds * 48000), 1024):
        wave = np.sin(np.arange(start, start + 1024) / 20 + 3e-9 * start**2)
        frame = av.AudioFrame.from_ndarray((wave * 9000).astype(np.int16)[None], layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


@dataclass(frozen=True)
class Seen:
    """What somebody else's reader finds in a video."""

    pictures: list[Pixels]
    times: list[Fraction]
    codec: str
    pixel_format: str
    sound: list[bytes]
    sound_times: list[Fraction]
    sound_codec: str | None
    seconds: float

    @property
    def size(self) -> tuple[int, ...]:
        return self.pictures[0].shape[:2]


def look(path: Path) -> Seen:
    """Decode all of a video."""
    with av.open(str(path)) as video:
        stream = video.streams.video[0]
        decoded = list(video.decode(stream))
        codec, pixel_format = stream.codec_context.name, stream.codec_context.pix_fmt or ""
        seconds = float((stream.duration or 0) * (stream.time_base or 0))  # 0 where none says
    sound, sound_times, sound_codec = [], [], None
    with av.open(str(path)) as video:
        for track in video.streams.audio:
            sound_codec = track.codec_context.codec.canonical_name
            packets = [packet for packet in video.demux(track) if packet.size]
            sound = [bytes(packet) for packet in packets]
            sound_times = [(packet.pts or 0) * packet.time_base for packet in packets]
    return Seen(
        pictures=[np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in decoded],
        times=[(frame.pts or 0) * (frame.time_base or Fraction(0)) for frame in decoded],
        codec=codec,
        pixel_format=pixel_format,
        sound=sound,
        sound_times=sound_times,
        sound_codec=sound_codec,
        seconds=seconds,
    )


def decodable(path: Path) -> int:
    """Count the frames that can be decoded, packet by packet."""
    count = 0
    with av.open(str(path)) as video:
        try:
            for packet in video.demux(video.streams.video[0]):
                try:
                    count += len(packet.decode())
                except av.FFmpegError:
                    continue
        except av.FFmpegError:
            pass
    return count


def cut(path: Path, target: Path, share: float) -> Path:
    """Keep the beginning of a file."""
    whole = path.read_bytes()
    target.write_bytes(whole[: int(len(whole) * share)])
    return target
