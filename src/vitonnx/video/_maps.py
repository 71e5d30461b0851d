"""From frames to maps: what each model sees in each frame, and its moving average."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitonnx.engine import Engine, Result
from vitonnx.media.videos import Frame, Video
from vitonnx.probes import Maps, Probe
from vitonnx.video._ahead import Ahead, frames_ahead
from vitonnx.video._cover import Cover
from vitonnx.video._options import VideoHead

__all__ = ["FrameMaps", "drawn_maps", "findings_of_video", "smoothed"]

FrameMaps = list[NDArray[np.float32]]
"""Of one frame: for each model its maps, (maps, rows, columns)."""


def findings_of_video(
    video: Video, engines: Sequence[Engine], probe: Probe[Any]
) -> Generator[list[Maps]]:
    """Probe every frame of a video with every model.

    Each model reads the video for itself, as they run through it in batches of their own.

    Yields
    ------
    list of Maps
        What each model finds in a frame.

    Raises
    ------
    VitonnxError
        If a frame can't be probed.
    """
    with ExitStack() as stack:
        streams = [
            engine.stream((frame.pixels for frame in stack.enter_context(_decoded(video))), [probe])
            for engine in engines
        ]
        for results in zip(*streams, strict=True):
            yield [_finding(result) for result in results]


def _decoded(video: Video) -> Ahead[Frame]:
    return Ahead(video.read(), depth=frames_ahead(video.size))


def _finding(result: Result) -> Maps:
    if result.error is not None:
        raise result.error
    finding = result.finding
    assert isinstance(finding, Maps)
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

    Parameters
    ----------
    maps : iterable of list of arrays
        One list a frame.
    frames : int
        Of the average: as many before a frame as after it, and one more before where the number is
        even. At both ends the mean is over those that there are.

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
