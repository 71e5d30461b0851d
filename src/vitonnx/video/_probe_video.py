"""From a video to a video of maps."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from vitonnx.engine import Engine, as_probes
from vitonnx.errors import UsageError, VideoError
from vitonnx.media import atomic_with_partial
from vitonnx.media.videos import Frame, Video, VideoWriter
from vitonnx.plots import Key, Legend, Panel, VideoPainter
from vitonnx.probes import Finding, Probe
from vitonnx.video._ahead import Ahead, frames_ahead
from vitonnx.video._film_panel import FilmPanel, require_maps
from vitonnx.video._fit import Cover
from vitonnx.video._shapes import SHAPES, Answer, Keying
from vitonnx.video._spool import Spool
from vitonnx.video._video_maps import FrameMaps, decoded, findings_of_video, smoothed
from vitonnx.video._video_options import VideoOptions

__all__ = ["VideoReport", "Watch", "probe_video"]

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
    probes: Probe[Any] | Sequence[Probe[Any]],
    path: str | Path,
    options: VideoOptions | None = None,
    *,
    titles: Sequence[str] = (),
    watch: Watch = _unwatched,
) -> VideoReport:
    """Write a video of where models look, frame by frame, in flat memory.

    The maps of all frames are found first and kept in a temporary file, as nobody knows before the
    end what the scale that they share will be, or which classes are frequent; then the video is
    decoded again and drawn. Where nothing depends on the whole video, both happen at the same time.
    A probe that must know all pictures first is fitted on the frames, for each model.

    Parameters
    ----------
    video : Video
        See `vitonnx.media.open_video`.
    engines : sequence of Engine
        See `at_shape_of`. Several stand side by side, right of the original.
    probes : Probe or sequence of Probe
        What gives maps, colours or classes of patches, such as `Heads`; each has a panel.
    path : path
        The video to write, .mp4: H.264, with the timestamps and the sound of the original. At
        Ctrl-C what was drawn until then is left as ``NAME.partial.mp4``.
    options : VideoOptions, optional
        How maps are drawn.
    titles : sequence of str, optional
        What each model is called in the video; by default the name in its manifest.
    watch : callable, optional
        Is given each pass over the frames, to show how far it is.

    Raises
    ------
    UsageError
        If a model lacks what is asked for, or the path is of no file that can be written.
    VitonnxError
        If the video can't be read or written, or a frame can't be probed.
    """
    path, options = Path(path), options or VideoOptions()
    names = titles or [engine.manifest.name for engine in engines]
    frames = _Frames(video, watch)
    models = [
        [panel.fitted(frames) for panel in own]
        for own in _panels(video, engines, as_probes(probes), options, names)
    ]
    panels = list(itertools.chain.from_iterable(models))
    with ExitStack() as stack:
        passing = stack.enter_context(atomic_with_partial(path))
        sound = video.sound()
        stack.enter_context(sound or nullcontext())
        findings = stack.enter_context(closing(findings_of_video(video, models)))
        first = next(findings)  # a video without frames can't be read
        panels = [panel.seen(found, options) for panel, found in zip(panels, first, strict=True)]
        looking = (_taken(each, panels) for each in itertools.chain([first], findings))
        maps = smoothed(looking, options.smooth)
        spool = None
        if any(panel.shape.waits(options.scale) for panel in panels):
            spool = stack.enter_context(Spool(passing.parent, [panel.record for panel in panels]))
            for _ in watch(spool.fill(maps), total=video.frames, label="Looking"):
                pass
            maps = spool.read()
        keyings = _keyings(panels, first, options, spool)
        keys = _keys(keyings, _taken(first, panels))
        painter = _painter(video, panels, keys, options)
        drawn = stack.enter_context(
            Ahead(_drawn(video, maps, keyings, painter), depth=frames_ahead(painter.size))
        )
        writer = stack.enter_context(
            VideoWriter(passing, rate=video.rate, ticks=video.ticks, sound=sound)
        )
        # In a thread of its own, so that no Ctrl-C comes between a frame and its place in the file.
        written = stack.enter_context(Ahead(map(writer.write, drawn), depth=1))
        count = sum(1 for _ in watch(written, total=video.frames, label="Drawing"))
    padded = tuple(
        name
        for name, engine in zip(names, engines, strict=True)
        if engine.manifest.preprocessing.padding is not None
    )
    return VideoReport(count, sound.note if sound else None, video.complaint, padded)


class _Frames:
    """The pixels of a video, decoded anew each time that they are asked for."""

    def __init__(self, video: Video, watch: Watch) -> None:
        self._video, self._watch = video, watch

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        with decoded(self._video) as frames:
            for frame in self._watch(frames, total=self._video.frames, label="Fitting"):
                yield frame.pixels


def _taken(findings: Sequence[Finding], panels: Sequence[FilmPanel]) -> FrameMaps:
    return [panel.take(finding) for panel, finding in zip(panels, findings, strict=True)]


def _keyings(
    panels: Sequence[FilmPanel],
    first: Sequence[Finding],
    options: VideoOptions,
    spool: Spool | None,
) -> list[Keying]:
    """Find out for each panel what its values mean."""

    def of(number: int) -> Iterator[NDArray[Any]]:
        assert spool is not None
        return (maps[number] for maps in spool.read())

    keyings: dict[int, Keying] = {}
    for shape in SHAPES.values():
        numbers = [number for number, panel in enumerate(panels) if panel.shape is shape]
        answers = [
            Answer(first[number], panels[number].engine.manifest.patches, partial(of, number))
            for number in numbers
        ]
        keyings |= zip(numbers, shape.keyings(answers, options.scale), strict=True)
    return [keyings[number] for number in sorted(keyings)]


def _keys(keyings: Sequence[Keying], maps: FrameMaps) -> list[Key]:
    return [keying(values) for keying, values in zip(keyings, maps, strict=True)]


def _drawn(
    video: Video, maps: Iterable[FrameMaps], keyings: Sequence[Keying], painter: VideoPainter
) -> Iterator[Frame]:
    """Decode every frame once more, and draw its maps."""
    with (
        decoded(video) as frames,
        Ahead(maps, depth=MAPS_AHEAD) as found,
    ):
        for frame, each in itertools.zip_longest(frames, found):
            if frame is None or each is None:
                raise VideoError(f"{video.name} changed while it was read: begin again.")
            pixels = painter.paint(frame.pixels, each, _keys(keyings, each))
            yield replace(frame, pixels=pixels)


def _panels(
    video: Video,
    engines: Sequence[Engine],
    probes: Sequence[Probe[Any]],
    options: VideoOptions,
    names: Sequence[str],
) -> list[list[FilmPanel]]:
    """Give each model and probe a panel, and refuse what can't be before the work begins."""
    if not engines or not probes:
        raise UsageError("A video of maps needs at least one model and one probe.")
    probes = [probe.in_video() for probe in probes]
    for probe in probes:
        require_maps(probe)
    models = []
    for engine, name in zip(engines, names, strict=True):
        cover = Cover.of(engine, video.size)
        parts = [probe.parts(engine.layout) for probe in probes]
        if options.head != "mean" and not any(parts):
            said = " and ".join(probe.name for probe in probes)
            raise UsageError(
                f"{said} {'has' if len(probes) == 1 else 'have'} one map of all heads and none to "
                "choose: leave the head out."
            )
        models.append(
            [
                FilmPanel(
                    engine=engine,
                    probe=probe,
                    cover=cover,
                    gives=probe.gives,
                    title=" · ".join(
                        [name] * (len(engines) > 1) + [probe.name] * (len(probes) > 1)
                    ),
                    head=options.head if of_probe else "mean",
                )
                for probe, of_probe in zip(probes, parts, strict=True)
            ]
        )
        for panel in models[-1]:
            panel.check(options)
    return models


def _painter(
    video: Video, panels: Sequence[FilmPanel], keys: Sequence[Key], options: VideoOptions
) -> VideoPainter:
    """Arrange the video, with the legends of classes."""
    several = len(panels) > 1
    beside = several or options.colours.style == "side-by-side"
    return VideoPainter(
        video.size,
        [
            Panel(panel.title, panel.labels, key.lines() if isinstance(key, Legend) else ())
            for panel, key in zip(panels, keys, strict=True)
        ],
        options.colours,
        original=("original" if several else "") if beside else None,
        queries=[panel.query for panel in panels],
        covers=[panel.cover.box for panel in panels],
    )
