"""Carry the sound of a video into another one: copied if possible, else re-encoded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Self

from av import AudioFrame, AudioStream, FFmpegError, Packet
from av.container import OutputContainer

from vitonnx.media.videos._container import opened, video_errors

__all__ = ["Sound"]

# What both the .mp4 container and those who play it take; it also holds others that no browser
# plays, such as PCM.
COPIED = {"aac", "ac3", "alac", "eac3", "flac", "mp3", "opus"}
AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
USUAL_RATE = 48000
AAC_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}


@dataclass(frozen=True)
class Track:
    """One sound track, from input to output."""

    source: AudioStream
    target: AudioStream
    copied: bool


class Sound:
    """All sound tracks of a video, between start and end in seconds on its own clock.

    The offset, in seconds, is subtracted from all times.
    """

    def __init__(
        self, path: Path, *, offset: Fraction, start: Fraction | None, end: Fraction | None
    ) -> None:
        self._path, self._offset, self._start, self._end = path, offset, start, end
        self._tracks: dict[int, Track] = {}
        self._open = ExitStack()
        with video_errors(path):
            self._input = self._open.enter_context(opened(path))
            foreign = sorted({_codec(stream) for stream in self._streams} - COPIED)
        self._lost = 0
        self._anew = (
            f"the sound was re-encoded as AAC: {' and '.join(foreign)} can't be copied into an "
            ".mp4 that browsers play."
            if foreign
            else None
        )

    @property
    def note(self) -> str | None:
        """Note for the user after the video is written; None if there is none."""
        lost = f"{self._lost} packets of the sound couldn't be copied." if self._lost else ""
        return " ".join(filter(None, [self._anew, lost])) or None

    def lose(self) -> None:
        """Take note of a packet that can't be written."""
        self._lost += 1

    @property
    def _streams(self) -> list[AudioStream]:
        """The tracks that can be read at all."""
        return [stream for stream in self._input.streams.audio if _can_be_read(stream)]

    def attach(self, output: OutputContainer) -> None:
        """Add a stream for every track to a video that is about to be written."""
        with video_errors(self._path):
            for source in self._streams:
                copied = _codec(source) in COPIED
                if copied:
                    target = output.add_stream_from_template(source)
                else:
                    rate = source.codec_context.sample_rate
                    rate = rate if rate in AAC_RATES else USUAL_RATE
                    target = output.add_stream("aac", rate=rate)
                    channels = source.codec_context.layout.nb_channels
                    target.codec_context.layout = AAC_LAYOUTS.get(channels, "stereo")
                if "language" in source.metadata:
                    target.metadata["language"] = source.metadata["language"]
                self._tracks[source.index] = Track(source, target, copied)

    def packets(self) -> Iterator[tuple[Fraction, Packet[AudioStream]]]:
        """Yield packets to write, each with its time in seconds, in the video's order."""
        with video_errors(self._path):
            sources = tuple(track.source for track in self._tracks.values())
            try:
                for packet in self._input.demux(sources):
                    # An empty packet marks the end.
                    if packet.size and self._kept(packet):
                        yield from self._carried(packet, self._tracks[packet.stream.index])
            except FFmpegError:
                # The video ends early. Its frames say so, and what there is of the sound is kept.
                pass
            for track in self._tracks.values():
                if not track.copied:
                    yield from _timed(track.target.encode(None))

    def _kept(self, packet: Packet[AudioStream]) -> bool:
        if packet.pts is None:
            return self._start is None
        time = packet.pts * packet.time_base
        return (self._start is None or time >= self._start) and (
            self._end is None or time < self._end
        )

    def _carried(
        self, packet: Packet[AudioStream], track: Track
    ) -> Iterator[tuple[Fraction, Packet[AudioStream]]]:
        if track.copied:
            shift = round(self._offset / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts - shift
            packet.dts = None if packet.dts is None else packet.dts - shift
            packet.stream = track.target
            yield from _timed([packet])
            return
        for frame in _decoded(packet):
            if frame.pts is not None and frame.time_base is not None:
                frame.pts -= round(self._offset / frame.time_base)
            yield from _timed(track.target.encode(frame))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()


def _can_be_read(stream: AudioStream) -> bool:
    """Tell whether a track has the facts needed to re-encode it: a damaged one may not."""
    codec = stream.codec_context
    return codec is not None and codec.sample_rate > 0 and codec.layout.nb_channels > 0


def _codec(stream: AudioStream) -> str:
    return stream.codec_context.codec.canonical_name


def _decoded(packet: Packet[AudioStream]) -> list[AudioFrame]:
    """Decode a packet; a damaged one is a moment of silence."""
    try:
        return packet.decode()
    except FFmpegError:
        return []


def _timed(
    packets: list[Packet[AudioStream]],
) -> Iterator[tuple[Fraction, Packet[AudioStream]]]:
    for packet in packets:
        at = packet.pts if packet.pts is not None else packet.dts
        yield Fraction(0) if at is None else at * packet.time_base, packet
