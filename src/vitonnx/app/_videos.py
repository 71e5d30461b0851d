"""Videos of maps for visitors: short ones, one at a time, that can be stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TypeVar

from vitonnx.app._limits import Limits
from vitonnx.app._visit import plain_name
from vitonnx.engine import Engine
from vitonnx.errors import VideoError
from vitonnx.media.videos import Span, open_video, read_facts
from vitonnx.probes import Heads, Rollout
from vitonnx.video import VideoOptions, VideoReport, at_shape_of, probe_video

__all__ = ["StoppedError", "Videos"]

Item = TypeVar("Item")

# Containers that hold a video themselves: playlists make FFmpeg read other files of this machine.
FORMATS = ("mov", "mp4", "matroska", "webm", "avi", "gif", "ogg", "mpegts", "mpeg", "flv", "asf")


SLIMMEST = 4
FASTEST = 60  # frames a second


class StoppedError(VideoError):
    """The visitor has stopped the video."""


class Videos:
    """Makes videos, and stops them.

    Parameters
    ----------
    engines : mapping of str to Engine
        Engines of the page; each video opens them again, at its own size.
    limits : Limits
        The page's.
    """

    def __init__(self, engines: Mapping[str, Engine], limits: Limits) -> None:
        self._engines, self._limits = engines, limits
        self._stops: dict[str, threading.Event] = {}
        # A signal may come while its own thread holds it, and then stops all videos.
        self._lock = threading.RLock()

    def want(self, visitor: str) -> None:
        """Note that a visitor waits for a video: from now on it can be stopped."""
        with self._lock:
            self._stops[visitor] = threading.Event()
            if len(self._stops) > self._limits.visitors:
                del self._stops[next(iter(self._stops))]

    def make(
        self,
        path: Path,
        name: str,
        models: Sequence[str],
        probe: Heads | Rollout,
        options: VideoOptions,
        output: Path,
        *,
        visitor: str,
        progress: Callable[[float, str], None],
    ) -> VideoReport:
        """Write a video of maps.

        Parameters
        ----------
        path, name
            Path of the uploaded video, and its name given by the visitor.
        models, probe, options
            See `probe_video`.
        output : Path
            The video to write.
        visitor : str
            Visitor who asked for it; see `stop`.
        progress : callable
            Called with the share done, and the current step.

        Raises
        ------
        VideoError
            If it is too long or too large, damaged, or no video.
        StoppedError
            If `stop` was called since it was wanted.
        """
        name = plain_name(name)
        with self._lock:
            stop = self._stops.setdefault(visitor, threading.Event())
        try:
            self._check(path, name)
            video = open_video(
                path, Span(end=Fraction(self._limits.seconds)), max_pixels=self._limits.pixels
            )
            # A model sees the short side at its own size: a strip would be any number of tokens.
            if max(video.size) > SLIMMEST * min(video.size):
                raise VideoError(
                    f"{name} has frames of {video.size[0]}x{video.size[1]} pixels; the longer "
                    f"side may be at most {SLIMMEST} times the shorter: crop the video."
                )
            engines = [at_shape_of(self._engines[model], video.size) for model in models]
            return probe_video(
                video,
                engines,
                probe,
                output,
                options,
                titles=list(models),
                watch=partial(_watch, most=self._most_frames, stop=stop, progress=progress),
            )
        except StoppedError:
            raise
        except VideoError as error:
            raise VideoError(str(error).replace(str(path), name)) from error
        finally:
            with self._lock:
                if self._stops.get(visitor) is stop:  # and not that of a video wanted since
                    del self._stops[visitor]

    def stop(self, visitor: str) -> bool:
        """Stop a visitor's video; tell whether there is one."""
        with self._lock:
            stop = self._stops.get(visitor)
        if stop is not None:
            stop.set()
        return stop is not None

    def stop_all(self) -> None:
        """Stop all videos."""
        for visitor in list(self._stops):
            self.stop(visitor)

    @property
    def _most_frames(self) -> int:
        return FASTEST * self._limits.seconds

    def _check(self, path: Path, name: str) -> None:
        """Refuse a video that exceeds the limits, by its header."""
        if path.stat().st_size > self._limits.upload:
            raise VideoError(f"{name} is larger than the {self._limits.megabytes} MB allowed here.")
        facts = read_facts(path, FORMATS)
        height, width = facts.size
        if height * width > self._limits.pixels:
            raise VideoError(f"{name} has frames of {height}x{width} pixels: scale it down first.")
        if facts.seconds is not None and facts.seconds > self._limits.seconds:
            raise VideoError(
                f"{name} lasts {float(facts.seconds):.0f} s; at most {self._limits.seconds} s are "
                "allowed here: cut it, or use `vitonnx probe video`, which takes any length."
            )


def _watch(
    items: Iterable[Item],
    *,
    total: int | None,
    label: str,
    most: int,
    stop: threading.Event,
    progress: Callable[[float, str], None],
) -> Iterator[Item]:
    for number, item in enumerate(items):
        if stop.is_set():
            raise StoppedError("Stopped at your request.")
        if number >= most:
            raise VideoError(f"The video has more than {most} frames: cut it, or skip frames.")
        progress(min(1.0, number / total) if total else 0.0, f"{label}: frame {number + 1}")
        yield item
