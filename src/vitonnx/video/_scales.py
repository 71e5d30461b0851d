"""From values to colours by one of three scales, and maps on the disk until theirs is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vitonnx.plots import Scale, scale_of_stream
from vitonnx.video._video_maps import FrameMaps

__all__ = ["Scaling", "Spool", "scaling_by_frame", "scaling_of_video", "scaling_to_fixed"]

Scaling: TypeAlias = Callable[[FrameMaps], list[Scale]]
"""Gives the scales of one frame's maps, one for each model."""

# Where an even share of the attention is 1, what is looked at has some 5 to 50.
EVEN_SHARES = 10


def scaling_of_video(
    read: Callable[[], Iterable[FrameMaps]], *, models: int, from_zero: bool
) -> Scaling:
    """Give each model one scale for all frames, which `read` gives each time that it is called.

    Scales begin at 0, or at the lowest value that there is.
    """

    def of_model(model: int) -> Scale:
        low = 0.0 if from_zero else None
        return scale_of_stream(lambda: (maps[model] for maps in read()), low=low)

    scales = [of_model(model) for model in range(models)]
    return lambda maps: scales


def scaling_by_frame(*, from_zero: bool) -> Scaling:
    """Give each model a scale for each frame."""
    return lambda maps: [
        Scale.over(model, low=0.0 if from_zero else float(model.min())) for model in maps
    ]


def scaling_to_fixed(patches: Iterable[int]) -> Scaling:
    """Give each model a scale that depends on nothing but its number of patches."""
    scales = [Scale(low=0.0, high=EVEN_SHARES / count, clipped=True) for count in patches]
    return lambda maps: scales


class Spool:
    """A temporary file of maps, that grows with the video where memory must not.

    Its folder should not be the system's for temporary files, which may be in memory. The shapes,
    (maps, rows, columns), are of each model's maps in each frame.
    """

    def __init__(self, folder: Path, shapes: Sequence[tuple[int, int, int]]) -> None:
        self._folder, self._shapes = folder, shapes
        self._values = sum(int(np.prod(shape)) for shape in shapes)
        self.frames = 0

    def fill(self, maps: Iterable[FrameMaps]) -> Iterator[FrameMaps]:
        """Write maps, and hand each on when it is written."""
        for each in maps:
            self._file.write(b"".join(np.asarray(model, "<f4").tobytes() for model in each))
            self.frames += 1
            yield each

    def read(self) -> Iterator[FrameMaps]:
        """Read all maps from the first frame on; one reading at a time."""
        self._file.seek(0)
        for _ in range(self.frames):
            values = np.frombuffer(self._file.read(4 * self._values), "<f4")
            yield _split(values, self._shapes)

    def __enter__(self) -> Self:
        self._file = TemporaryFile(dir=self._folder)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _split(values: NDArray[np.float32], shapes: Sequence[tuple[int, int, int]]) -> FrameMaps:
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    parts = np.split(values, ends[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
