"""FrameMaps on the disk, while the scale that they all share is not yet known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vitonnx.video._maps import FrameMaps

__all__ = ["Spool"]


class Spool:
    """A temporary file of maps, that grows with the video where memory must not.

    Parameters
    ----------
    folder : Path
        Where there is room. Not the system's folder for temporary files, which may be in memory.
    shapes : sequence of (maps, rows, columns)
        Of each model's maps in each frame.

    Raises
    ------
    OSError
        If the disk is full, or the folder can't be written to.
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
