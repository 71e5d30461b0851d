"""Videos of maps for visitors: short ones, one at a time, that can be stopped."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

from vitonnx.app._desk import in_thread
from vitonnx.app._limits import Limits
from vitonnx.app._memory import HOUR
from vitonnx.app._replies import FOR_VISITORS, RefusedError, unexpected
from vitonnx.engine import Engine
from vitonnx.errors import UsageError, VideoError
from vitonnx.media.videos import Span, open_video, read_facts
from vitonnx.probes import Probe
from vitonnx.video import VideoOptions, at_shape_of, probe_video, require_maps

__all__ = ["Videos"]

Item = TypeVar("Item")

# Containers that hold a video themselves: playlists make FFmpeg read other files of this machine.
FORMATS = ("mov", "mp4", "matroska", "webm", "avi", "gif", "ogg", "mpegts", "mpeg", "flv", "asf")
SLIMMEST = 4
FASTEST = 60  # frames a second
FETCH = 3.0  # seconds in which whoever waited for a video comes for it


class _StoppedError(VideoError):
    """The visitor has stopped the video."""


@dataclass(eq=False)
class Job:
    """A video that somebody wants."""

    path: Path
    name: str
    engines: Mapping[str, Engine]
    probe: Probe[Any]
    state: Literal["waiting", "running", "done", "failed"] = "waiting"
    share: float = 0.0
    words: str = "Waiting for other videos to be done"
    since: float = field(default_factory=time.monotonic)
    stopped: threading.Event = field(default_factory=threading.Event)
    task: asyncio.Task[None] | None = None

    @property
    def output(self) -> Path:
        """Where it will be."""
        return self.path.with_suffix(".mp4")


class Videos:
    """Makes videos in the order in which they are wanted, and keeps them for an hour."""

    def __init__(self, limits: Limits) -> None:
        self._limits, self._jobs = limits, dict[str, Job]()
        self._turn = asyncio.Lock()

    def want(self, path: Path, name: str, engines: Mapping[str, Engine], probe: Probe[Any]) -> str:
        """Begin to make a video, and give the key by which it is asked for."""
        job = Job(path, name, engines, probe)
        job.task = asyncio.create_task(self._work(job))
        key = secrets.token_urlsafe(16)
        self._jobs[key] = job
        return key

    def refuse(self, probe: object) -> None:
        """Refuse a probe that has nothing for videos, or a video more than may wait."""
        if not isinstance(probe, Probe):
            raise UsageError("Weights are the same in every frame: ask for something else.")
        require_maps([probe])
        if sum(each.state == "waiting" for each in self._jobs.values()) >= self._limits.waiting:
            raise RefusedError(503, "Too many videos wait: try again later.", retry=60)

    def progress(self, key: str) -> dict[str, Any]:
        """Say how far a video is."""
        job = self._find(key)
        return {"state": job.state, "share": job.share, "words": job.words}

    def deliver(self, key: str) -> Path:
        """Give the file of a video that is done."""
        job = self._find(key)
        if job.state != "done":
            raise RefusedError(409, "The video isn't done.")
        return job.output

    def stop(self, key: str) -> None:
        """Stop a video, and remove it."""
        job = self._jobs.pop(key, None)
        if job is not None:
            job.stopped.set()
            job.output.unlink(missing_ok=True)

    def stop_all(self) -> None:
        """Stop all videos."""
        for key in list(self._jobs):
            self.stop(key)

    def tidy(self, now: float) -> None:
        """Remove what is older than an hour, and the oldest of too many."""
        many = len(self._jobs) - self._limits.visitors
        for number, (key, job) in enumerate(list(self._jobs.items())):
            if job.state in ("done", "failed") and (now - job.since > HOUR or number < many):
                self.stop(key)

    @property
    def busy(self) -> bool:
        """Whether a video is wanted, or has just been made."""
        return any(
            job.state in ("waiting", "running")
            or (job.state == "done" and time.monotonic() - job.since < FETCH)
            for job in self._jobs.values()
        )

    def _find(self, key: str) -> Job:
        if key not in self._jobs:
            raise RefusedError(404, "There is no such video, or it has been removed.")
        return self._jobs[key]

    async def _work(self, job: Job) -> None:
        try:
            async with self._turn:
                job.state = "running"
                await in_thread(partial(self._make, job))
            job.state, job.share, job.words = "done", 1.0, "Done"
        except FOR_VISITORS as error:
            job.state, job.words = "failed", str(error).replace(str(job.path), job.name)
        except Exception:
            job.state, job.words = "failed", unexpected()
        finally:
            job.since = time.monotonic()
            job.path.unlink(missing_ok=True)
            if job.stopped.is_set():
                job.output.unlink(missing_ok=True)

    def _make(self, job: Job) -> None:
        self._check(job)
        video = open_video(
            job.path, Span(end=Fraction(self._limits.seconds)), max_pixels=self._limits.pixels
        )
        # A model sees the short side at its own size: a strip would be any number of tokens.
        if max(video.size) > SLIMMEST * min(video.size):
            raise VideoError(
                f"{job.name} has frames of {video.size[0]}x{video.size[1]} pixels; the longer "
                f"side may be at most {SLIMMEST} times the shorter: crop the video."
            )
        engines = [at_shape_of(engine, video.size) for engine in job.engines.values()]
        watch = partial(_watch, job=job, most=FASTEST * self._limits.seconds)
        probe_video(
            *(video, engines, job.probe.in_video(), job.output, VideoOptions()),
            titles=list(job.engines),
            watch=watch,
        )

    def _check(self, job: Job) -> None:
        """Refuse a video that exceeds the limits, by its header."""
        facts = read_facts(job.path, FORMATS)
        height, width = facts.size
        if height * width > self._limits.pixels:
            raise VideoError(
                f"{job.name} has frames of {height}x{width} pixels: scale it down first."
            )
        if facts.seconds is not None and facts.seconds > self._limits.seconds:
            raise VideoError(
                f"{job.name} lasts {float(facts.seconds):.0f} s; at most {self._limits.seconds} s "
                "are allowed here: cut it, or use `vitonnx probe video`, which takes any length."
            )


def _watch(
    items: Iterable[Item], *, total: int | None, label: str, job: Job, most: int
) -> Iterator[Item]:
    for number, item in enumerate(items):
        if job.stopped.is_set():
            raise _StoppedError("Stopped at your request.")
        if number >= most:
            raise VideoError(f"The video has more than {most} frames: cut it, or skip frames.")
        job.share = min(1.0, number / total) if total else 0.0
        job.words = f"{label}: frame {number + 1}"
        yield item
