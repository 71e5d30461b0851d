"""From frames to maps: what each model sees in each frame, and its moving average."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitonnx.engine import Engine, Result
from vitonnx.errors import VitonnxError
from vitonnx.media.videos import Frame, Video
from vitonnx.probes import Maps, Probe
from vitonnx.video._ahead import Ahead, frames_ahead
from vitonnx.video._fit import Cover
from vitonnx.video._video_options import VideoHead

__all__ = ["FrameMaps", "drawn_maps", "findings_of_video", "smoothed"]

FrameMaps = list[NDArray[np.float32]]
"""Of one frame: for each model its maps, (maps, rows, columns)."""


def findings_of_video(
    video: Video, engines: Sequence[Engine], probe: Probe[Any]
) -> Generator[list[Maps]]:
    """Probe every frame of a video with every model; yield what each finds in a frame.

    Each model reads the video for itself, as they run through it in batches of their own.
    """
    with ExitStack() as stack:
        streams = [
            engine.stream((frame.pixels for frame in stack.enter_context(_decoded(video))), [probe])
            for engine in engines
        ]
        for results in zip(*streams, strict=True):
            yield [
                _finding(result, engine, probe)
                for result, engine in zip(results, engines, strict=True)
            ]


def _decoded(video: Video) -> Ahead[Frame]:
    return Ahead(video.read(), depth=frames_ahead(video.size))


def _finding(result: Result, engine: Engine, probe: Probe[Any]) -> Maps:
    if result.error is not None:
        raise result.error
    finding = result.finding
    wanted = (len(probe.parts(engine.layout)) + 1, *engine.layout.grid)
    if not isinstance(finding, Maps) or tuple(finding.values.shape) != wanted:
        raise VitonnxError(
            f"the probe {probe.name} found no maps of shape {wanted} in a frame: one for all and "
            "one for each of its parts, over the model's patches."
        )
    return finding


def drawn_maps(findings: Sequence[Maps], covers: Sequence[Cover], head: VideoHead) -> FrameMaps:
    """Take the maps of a frame that are drawn, without the padding."""
    return [
        cover.cut(_chosen(np.asarray(finding.values), head))
        for finding, cover in zip(findings, covers, strict=True)
    ]


def _chosen(values: NDArray[np.float32], head: VideoHead) -> NDArray[np.float32]:
    if head == "mean":
        return values[:1]
    return values[1:] if head == "all" else values[1 + head : 2 + head]


def smoothed(maps: Iterable[FrameMaps], frames: int) -> Iterator[FrameMaps]:
    """Average maps over time.

    The mean is of some frames: as many before one as after it, and one more before where the number
    is even. At both ends it is over those that there are.

    Examples
    --------
    >>> maps = [[np.full((1, 1, 1), value)] for value in (0.0, 3.0, 6.0, 9.0)]
    >>> [float(mean.item()) for (mean,) in smoothed(maps, 3)]
    [1.5, 3.0, 6.0, 7.5]
    """
    after = (frames - 1) // 2
    window: deque[FrameMaps] = deque()
    before = 0  # how many in the window come before the frame whose turn it is
    for each in maps:
        window.append(each)
        if len(window) > before + after:
            yield _mean(window)
            before = _step(window, before, frames // 2)
    while len(window) > before:
        yield _mean(window)
        before = _step(window, before, frames // 2)


def _step(window: deque[FrameMaps], before: int, most: int) -> int:
    """Go on to the next frame: forget what is now too far back."""
    if before == most:
        window.popleft()
        return before
    return before + 1


def _mean(window: deque[FrameMaps]) -> FrameMaps:
    return [np.mean(model, axis=0) for model in zip(*window, strict=True)]
