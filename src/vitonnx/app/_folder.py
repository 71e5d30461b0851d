"""The page's own folder: what comes in and what is made lies in it, and goes with it."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from vitonnx.media import temporary_folder

__all__ = ["Folder", "own_folder"]

KEPT_SECONDS: Final = 3600
NEW_SECONDS: Final = 60
MADE: Final = "made-"


class Folder:
    """Where a page keeps its files.

    Parameters
    ----------
    path : Path
        Of the folder, which is nobody else's.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._own: set[Path] = set()

    def fresh(self) -> Path:
        """Make a new folder in it, for a short time."""
        return Path(tempfile.mkdtemp(prefix=MADE, dir=self.path))

    def holds(self, path: Path) -> bool:
        """Tell whether a file lies in it, whatever links and dots its path has."""
        return path.resolve().is_relative_to(self.path.resolve())

    def has(self, place: str) -> bool:
        """Tell whether the words are a path in it: an address is none, nor what a NUL is in."""
        try:
            return self.holds(Path(place))
        except ValueError:
            return False

    def settle(self) -> None:
        """Let what lies in it now stay: it is the page's own, such as its examples."""
        self._own = {file for file, _ in self._files()}

    def tidy(self, room: int) -> int:
        """Delete what is old, and of the rest the oldest where it is too much.

        Whatever came or was made lies here until then, parts of uploads that were cut off too. A
        picture is read as soon as it is here; only who writes to this moment needs a minute.

        Parameters
        ----------
        room : int
            Bytes that may stay, besides those of the last minute.

        Returns
        -------
        int
            Bytes that are left.
        """
        now, left = time.time(), 0
        sent = [(found, file) for file, found in self._files() if file not in self._own]
        for found, file in sorted(sent, key=lambda each: each[0].st_mtime, reverse=True):
            age = now - found.st_mtime
            if age > KEPT_SECONDS or (age > NEW_SECONDS and left + found.st_size > room):
                file.unlink(missing_ok=True)
            else:
                left += found.st_size
        for place in self.path.iterdir():
            if place.is_dir() and now - place.stat().st_mtime > KEPT_SECONDS:
                with suppress(OSError):  # something lies in it
                    place.rmdir()
        return left

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        for place, _, names in os.walk(self.path):
            for name in names:
                with suppress(FileNotFoundError):  # deleted meanwhile
                    yield (file := Path(place, name)), file.stat()


@contextmanager
def own_folder() -> Iterator[Folder]:
    """Make the folder, and tell Gradio of it before it makes its first component."""
    before = os.environ.get("GRADIO_TEMP_DIR")
    with temporary_folder() as path:
        os.environ["GRADIO_TEMP_DIR"] = str(path)
        try:
            yield Folder(path)
        finally:
            del os.environ["GRADIO_TEMP_DIR"]
            if before is not None:
                os.environ["GRADIO_TEMP_DIR"] = before
