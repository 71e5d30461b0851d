"""Maps on the disk until their colours are known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Self

import numpy as np

from vitonnx.video._video_maps import FrameMaps

__all__ = ["Spool"]


class Spool:
    """A temporary file of maps, that grows with the video where memory must not.

    Its folder should not be the system's for temporary files, which may be in memory. The records
    are of each panel's array in each frame, with its shape: ``numpy.dtype(("<f4", (1, 14, 14)))``.
    """

    def __init__(self, folder: Path, records: Sequence[np.dtype[Any]]) -> None:
        self._folder = folder
        self._frame = np.dtype([(f"{number}", record) for number, record in enumerate(records)])
        self._numbers = [record.base for record in records]
        self.frames = 0

    def fill(self, maps: Iterable[FrameMaps]) -> Iterator[FrameMaps]:
        """Write maps, and hand each on when it is written."""
        for each in maps:
            pairs = zip(each, self._numbers, strict=True)
            self._file.write(b"".join(np.asarray(*pair).tobytes() for pair in pairs))
            self.frames += 1
            yield each

    def read(self) -> Iterator[FrameMaps]:
        """Read all maps from the first frame on; one reading at a time."""
        self._file.seek(0)
        for _ in range(self.frames):
            (frame,) = np.frombuffer(self._file.read(self._frame.itemsize), self._frame)
            yield list(frame)

    def __enter__(self) -> Self:
        self._file = TemporaryFile(dir=self._folder)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
