"""Copies of what is elsewhere, on this machine, for as long as somebody reads them."""

from __future__ import annotations

import io
import os
import shutil
import weakref
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from vitonnx.errors import DataError
from vitonnx.media import temporary_folder
from vitonnx.places import Place

__all__ = ["Copy", "Spool", "Teed"]

PIECE = 2**20


class Spool:
    """A temporary folder that goes with the last shard that was copied to it."""

    @cached_property
    def folder(self) -> Path:
        """Make it, once there is need of it."""
        stack = ExitStack()
        weakref.finalize(self, stack.close)
        try:
            return stack.enter_context(temporary_folder())
        except OSError as error:
            raise DataError(f"can't make a temporary folder: {error.strerror}.") from error


@dataclass(frozen=True)
class Copy:
    """A copy of a file, made when it is first opened.

    Parameters
    ----------
    path : Path
        Where it is to be. Its folder is there, and kept by whoever gave it, or by `spool`.
    spool : Spool, optional
        See `Spool`.
    """

    path: Path
    spool: Spool | None = None

    def open(self, place: Place) -> IO[bytes]:
        """Open it, and make it first if need be."""
        try:
            if not self.path.exists():
                self._make(place)
            return self.path.open("rb")
        except OSError as error:
            raise DataError(
                f"can't copy {place.name} to {self.path.parent}: {error.strerror}."
            ) from error

    def _make(self, place: Place) -> None:
        passing = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        try:
            with closing(place.stream()) as source, passing.open("wb") as target:
                shutil.copyfileobj(source, target, PIECE)
            passing.replace(self.path)
        finally:
            passing.unlink(missing_ok=True)


class Teed(io.RawIOBase):
    """A file that writes down what is read of it."""

    def __init__(self, source: IO[bytes], target: IO[bytes]) -> None:
        self._source, self._target = source, target

    def readable(self) -> bool:
        """Say so."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read a piece, and write it down."""
        piece = self._source.read(len(buffer))
        self._target.write(piece)
        buffer[: len(piece)] = piece
        return len(piece)
