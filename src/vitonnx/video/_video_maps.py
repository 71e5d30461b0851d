"""From frames to maps: what each model sees in each frame, and its moving average."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitonnx.media.videos import Frame, Video
from vitonnx.probes import Finding, answering
from vitonnx.video._ahead import Ahead, frames_ahead
from vitonnx.video._film_panel import FilmPanel

__all__ = ["FrameMaps", "decoded", "findings_of_video", "smoothed"]

FrameMaps = list[NDArray[Any]]
"""Of one frame: for each panel its maps, (maps, rows, columns) or (maps, rows, columns, 4)."""


def findings_of_video(
    video: Video, models: Sequence[Sequence[FilmPanel]]
) -> Generator[list[Finding]]:
    """Ask every frame of a video; yield what is found in a frame, for each panel of each model.

    Each model reads the video for itself, as they run through it in batches of their own, and once
    for all its probes.
    """
    with ExitStack() as stack:
        streams = []
        for own in models:
            frames = stack.enter_context(decoded(video))
            pixels = (frame.pixels for frame in frames)
            streams.append(own[0].engine.stream(pixels, [panel.probe for panel in own]))
        for results in zip(*streams, strict=True):
            found = []
            for result, own in zip(results, models, strict=True):
                if result.error is not None:
                    raise result.error
                for panel in own:
                    with answering(panel.probe):
                        found.append(result[panel.probe.name].finding)
            yield found


def decoded(video: Video) -> Ahead[Frame]:
    """Decode a video from its first frame on, in a thread."""
    return Ahead(video.read(), depth=frames_ahead(video.size))


def smoothed(maps: Iterable[FrameMaps], frames: int) -> Iterator[FrameMaps]:
    """Average maps over time, but for whole numbers: a class stays what it is.

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
            yield _mean(window, before)
            before = _step(window, before, frames // 2)
    while len(window) > before:
        yield _mean(window, before)
        before = _step(window, before, frames // 2)


def _step(window: deque[FrameMaps], before: int, most: int) -> int:
    """Go on to the next frame: forget what is now too far back."""
    if before == most:
        window.popleft()
        return before
    return before + 1


def _mean(window: deque[FrameMaps], now: int) -> FrameMaps:
    return [
        panel[now] if np.issubdtype(panel[now].dtype, np.integer) else np.mean(panel, axis=0)
        for panel in zip(*window, strict=True)
    ]
