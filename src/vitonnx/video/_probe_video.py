"""From a video to a video of maps."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from vitonnx.engine import Engine
from vitonnx.errors import UsageError, VideoError
from vitonnx.media import atomic_with_partial
from vitonnx.media.videos import Frame, Video, VideoWriter
from vitonnx.plots import Panel, VideoPainter
from vitonnx.probes import Maps, Probe
from vitonnx.video._ahead import Ahead, frames_ahead
from vitonnx.video._fit import Cover
from vitonnx.video._scales import (
    Scaling,
    Spool,
    scaling_by_frame,
    scaling_of_video,
    scaling_to_fixed,
)
from vitonnx.video._video_maps import FrameMaps, drawn_maps, findings_of_video, smoothed
from vitonnx.video._video_options import VideoHead, VideoOptions

__all__ = ["VideoReport", "Watch", "probe_video", "require_maps"]

Item = TypeVar("Item")

MAPS_AHEAD = 16


class Watch(Protocol):
    """Passes items on while somebody looks, such as a progress bar."""

    def __call__(self, items: Iterable[Item], *, total: int | None, label: str) -> Iterable[Item]:
        """Pass on items, of which there are about `total`."""


@dataclass(frozen=True)
class VideoReport:
    """What was made.

    Parameters
    ----------
    frames : int
        In the video that was written.
    sound : str or None
        What is to be said of its sound; None if it was copied as it was, or there is none.
    lost : str or None
        How many frames of the original could not be decoded, and why; None for none.
    padded : tuple of str
        The models that see frames padded: see `at_shape_of`.
    """

    frames: int
    sound: str | None
    lost: str | None
    padded: tuple[str, ...] = ()


def _unwatched(items: Iterable[Item], *, total: int | None, label: str) -> Iterable[Item]:
    return items


def probe_video(
    video: Video,
    engines: Sequence[Engine],
    probe: Probe[Any],
    path: str | Path,
    options: VideoOptions | None = None,
    *,
    titles: Sequence[str] = (),
    watch: Watch = _unwatched,
) -> VideoReport:
    """Write a video of where models look, frame by frame, in flat memory.

    The maps of all frames are found first and kept in a temporary file, as nobody knows before the
    end what the scale that they share will be; then the video is decoded again and drawn. With a
    scale that doesn't depend on the whole video, both happen at the same time.

    Parameters
    ----------
    video : Video
        See `vitonnx.media.open_video`.
    engines : sequence of Engine
        See `at_shape_of`. Several stand side by side, right of the original.
    probe : Probe
        One that gives maps, such as `Heads`.
    path : path
        The video to write, .mp4: H.264, with the timestamps and the sound of the original. At
        Ctrl-C what was drawn until then is left as ``NAME.partial.mp4``.
    options : VideoOptions, optional
        How maps are drawn.
    titles : sequence of str, optional
        What each model is called in the video; by default the name in its manifest.
    watch : callable, optional
        Is given each of the two passes over the frames, to show how far it is.

    Raises
    ------
    UsageError
        If a model lacks what is asked for, or the path is of no file that can be written.
    VitonnxError
        If the video can't be read or written, or a frame can't be probed.
    """
    path, options = Path(path), options or VideoOptions()
    covers = [Cover.of(engine, video.size) for engine in engines]
    names = titles or [engine.manifest.name for engine in engines]
    painter = _painter(video, engines, covers, probe, options, names)
    with ExitStack() as stack:
        passing = stack.enter_context(atomic_with_partial(path))
        sound = video.sound()
        stack.enter_context(sound or nullcontext())
        findings = stack.enter_context(closing(findings_of_video(video, engines, probe)))
        first = list(itertools.islice(findings, 1))
        from_zero = all(each.from_zero for of_frame in first for each in of_frame)
        looking = (
            drawn_maps(each, covers, options.head) for each in itertools.chain(first, findings)
        )
        maps = smoothed(looking, options.smooth)
        match options.scale:
            case "video":
                shapes = [
                    (len(_labels(engine, probe, options.head)), *cover.shape)
                    for engine, cover in zip(engines, covers, strict=True)
                ]
                spool = stack.enter_context(Spool(passing.parent, shapes))
                for _ in watch(spool.fill(maps), total=video.frames, label="Looking"):
                    pass
                maps = spool.read()
                scaling = scaling_of_video(spool.read, models=len(engines), from_zero=from_zero)
            case "frame":
                scaling = scaling_by_frame(from_zero=from_zero)
            case "fixed":
                scaling = scaling_to_fixed(engine.manifest.patches for engine in engines)
        drawn = stack.enter_context(
            Ahead(_drawn(video, maps, scaling, painter), depth=frames_ahead(painter.size))
        )
        writer = stack.enter_context(
            VideoWriter(passing, rate=video.rate, ticks=video.ticks, sound=sound)
        )
        # In a thread of its own, so that no Ctrl-C comes between a frame and its place in the file.
        written = stack.enter_context(Ahead(map(writer.write, drawn), depth=1))
        frames = sum(1 for _ in watch(written, total=video.frames, label="Drawing"))
    padded = tuple(
        name
        for name, engine in zip(names, engines, strict=True)
        if engine.manifest.preprocessing.padding is not None
    )
    return VideoReport(frames, sound.note if sound else None, video.complaint, padded)


def require_maps(probe: Probe[Any]) -> None:
    """Raise a UsageError unless a probe gives maps."""
    if getattr(probe, "gives", None) is not Maps:
        raise UsageError(f"{probe.name} gives no maps, and a video is made of maps: ask another.")


def _drawn(
    video: Video, maps: Iterable[FrameMaps], scaling: Scaling, painter: VideoPainter
) -> Iterator[Frame]:
    """Decode every frame once more, and draw its maps."""
    with (
        Ahead(video.read(), depth=frames_ahead(video.size)) as frames,
        Ahead(maps, depth=MAPS_AHEAD) as found,
    ):
        for frame, each in itertools.zip_longest(frames, found):
            if frame is None or each is None:
                raise VideoError(f"{video.name} changed while it was read: begin again.")
            pixels = painter.paint(frame.pixels, each, scaling(each))
            yield replace(frame, pixels=pixels)


def _painter(
    video: Video,
    engines: Sequence[Engine],
    covers: Sequence[Cover],
    probe: Probe[Any],
    options: VideoOptions,
    names: Sequence[str],
) -> VideoPainter:
    """Arrange the video, and refuse what can't be before the work begins."""
    if not engines:
        raise UsageError("A video of maps needs at least one model.")
    require_maps(probe)
    if options.scale == "fixed" and not probe.shares:
        raise UsageError(
            f"the maps of {probe.name} are no shares of a whole, which the fixed scale is made "
            "for: use the scale video or frame."
        )
    for engine in engines:
        engine.reads_of(probe)
        _check_head(engine, probe, options.head)
    several = len(engines) > 1
    panels = [
        Panel(name if several else "", _labels(engine, probe, options.head))
        for name, engine in zip(names, engines, strict=True)
    ]
    beside = several or options.colours.style == "side-by-side"
    return VideoPainter(
        video.size,
        panels,
        options.colours,
        original=("original" if several else "") if beside else None,
        queries=[cover.query(engine, probe) for engine, cover in zip(engines, covers, strict=True)],
        covers=[cover.box for cover in covers],
    )


def _labels(engine: Engine, probe: Probe[Any], head: VideoHead) -> tuple[str, ...]:
    """Name the maps of a frame, where there are several."""
    return probe.parts(engine.layout) if head == "all" else ("",)


def _check_head(engine: Engine, probe: Probe[Any], head: VideoHead) -> None:
    parts = len(probe.parts(engine.layout))
    if head != "mean" and not parts:
        raise UsageError(
            f"{probe.name} has one map of all heads and none to choose: leave the head out."
        )
    if isinstance(head, int) and not 0 <= head < parts:
        raise UsageError(
            f"{engine.manifest.name} has no head {head}; it has heads 0 to {parts - 1}."
        )
