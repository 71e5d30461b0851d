"""Videos of maps for visitors: short ones, one at a time, that can be stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from vitonnx.app._limits import Limits
from vitonnx.app._memory import HOUR
from vitonnx.app._replies import FOR_VISITORS, RefusedError, unexpected
from vitonnx.engine import Engine
from vitonnx.errors import VideoError
from vitonnx.media.videos import Span, open_video, read_facts
from vitonnx.probes import Probe
from vitonnx.video import VideoOptions, at_shape_of, probe_video

__all__ = ["Job", "Videos"]

Item = TypeVar("Item")

# Containers that hold a video themselves: playlists make FFmpeg read other files of this machine.
FORMATS = ("mov", "mp4", "matroska", "webm", "avi", "gif", "ogg", "mpegts", "mpeg", "flv", "asf")
SLIMMEST = 4
FASTEST = 60  # frames a second
FETCH = 3.0  # seconds in which whoever waited for a video comes for it


@dataclass(eq=False)
class Job:
    """A video that somebody wants: the file that was sent, and what is to be made of it."""

    path: Path
    name: str
    engines: Mapping[str, Engine]
    probe: Probe[Any]
    state: str = "waiting"  # then "running", and "done" or "failed"
    share: float = 0.0
    words: str = "Waiting for other videos"
    since: float = field(default_factory=time.monotonic)
    stopped: bool = False

    @property
    def output(self) -> Path:
        """Where the video will be."""
        return self.path.with_suffix(".mp4")

    def remove(self) -> None:
        """Stop it, and remove what was made."""
        self.stopped = True
        self.output.unlink(missing_ok=True)

    def watch(
        self, items: Iterable[Item], *, total: int | None, label: str, most: int
    ) -> Iterator[Item]:
        """Pass frames on, unless it is stopped or they are too many."""
        for number, item in enumerate(items):
            if self.stopped:
                raise VideoError("Stopped at your request.")
            if number >= most:
                raise VideoError(f"The video has more than {most} frames: cut it, or skip frames.")
            self.share = number / total if total else 0.0
            self.words = f"{label}: frame {number + 1}"
            yield item


class Videos:
    """Makes videos in the order in which they are wanted, and keeps them for an hour."""

    def __init__(self, limits: Limits, in_thread: Callable[..., Any]) -> None:
        self.jobs: dict[str, Job] = {}
        self._limits, self._in_thread = limits, in_thread
        self._turn, self._tasks = asyncio.Lock(), set[asyncio.Task[None]]()

    def want(self, job: Job) -> str:
        """Begin to make a video, and give the key by which it is asked for."""
        if sum(other.state == "waiting" for other in self.jobs.values()) >= self._limits.waiting:
            job.path.unlink()
            raise RefusedError(503, "Too many videos wait: try again later.", retry=60)
        self.jobs[job.path.name] = job
        task = asyncio.create_task(self._work(job))
        self._tasks.add(task)  # a task that nobody holds may be forgotten
        task.add_done_callback(self._tasks.discard)
        return job.path.name

    def find(self, key: str) -> Job:
        """Find a video by its key."""
        if key not in self.jobs:
            raise RefusedError(404, "There is no such video, or it has been removed.")
        return self.jobs[key]

    def tidy(self, now: float) -> None:
        """Remove what was done an hour ago, and the oldest of too many."""
        many = len(self.jobs) - self._limits.visitors
        for number, (key, job) in enumerate([*self.jobs.items()]):
            if job.state in ("done", "failed") and (now - job.since > HOUR or number < many):
                self.jobs.pop(key).remove()

    def stop_all(self) -> None:
        """Stop all videos."""
        for job in self.jobs.values():
            job.stopped = True

    @property
    def busy(self) -> bool:
        """Whether a video is wanted, or has just been made."""
        recent = time.monotonic() - FETCH
        return any(
            job.state in ("waiting", "running") or (job.state == "done" and job.since > recent)
            for job in self.jobs.values()
        )

    async def _work(self, job: Job) -> None:
        try:
            async with self._turn:
                job.state = "running"
                await self._in_thread(partial(self._make, job))
            job.state, job.share, job.words = "done", 1.0, "Done"
        except FOR_VISITORS as error:
            job.state, job.words = "failed", str(error).replace(str(job.path), job.name)
        except Exception:
            job.state, job.words = "failed", unexpected()
        finally:
            job.since = time.monotonic()
            job.path.unlink(missing_ok=True)
            if job.stopped:
                job.remove()

    def _make(self, job: Job) -> None:
        facts, most = read_facts(job.path, FORMATS), self._limits.seconds
        height, width = facts.size
        frames = f"{job.name} has frames of {height}x{width} pixels"
        if height * width > self._limits.pixels:
            raise VideoError(f"{frames}: scale it down.")
        if facts.seconds is not None and facts.seconds > most:
            raise VideoError(
                f"{job.name} lasts {float(facts.seconds):.0f} s; at most {most} s are allowed "
                "here: cut it, or use `vitonnx probe video`, which takes any length."
            )
        video = open_video(job.path, Span(end=Fraction(most)), max_pixels=self._limits.pixels)
        # A model sees the short side at its own size: a strip would be any number of tokens.
        if max(video.size) > SLIMMEST * min(video.size):
            raise VideoError(
                f"{frames}; the longer side may be at most {SLIMMEST} times the shorter: crop the "
                "video."
            )
        engines = [at_shape_of(engine, video.size) for engine in job.engines.values()]
        watch = partial(job.watch, most=FASTEST * most)
        asked, titles = job.probe.in_video(), list(job.engines)
        probe_video(video, engines, asked, job.output, VideoOptions(), titles=titles, watch=watch)
