"""The page's own folder for uploads and results, removed with the page."""

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
    """Folder for the files of a page.

    Parameters
    ----------
    path : Path
        Path of the folder, used by this process only.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._own: set[Path] = set()

    def fresh(self) -> Path:
        """Make a new folder in it, for a short time."""
        return Path(tempfile.mkdtemp(prefix=MADE, dir=self.path))

    def holds(self, path: Path) -> bool:
        """Tell whether a file is in the folder, whatever links and dots its path has."""
        return path.resolve().is_relative_to(self.path.resolve())

    def has(self, place: str) -> bool:
        """Tell whether words are a path in the folder: URLs and words with a NUL are not."""
        try:
            return self.holds(Path(place))
        except ValueError:
            return False

    def settle(self) -> None:
        """Keep the files that are in the folder now, since they are the page's own examples."""
        self._own = {file for file, _ in self._files()}

    def tidy(self, room: int) -> int:
        """Delete old files, and the oldest of the rest while they exceed the limit.

        Uploads and results stay until then, including parts of interrupted uploads. A picture is
        read on arrival; only a file being written needs a minute.

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
