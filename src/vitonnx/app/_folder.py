"""The page's own folder: what comes in and what is made lies in it, and goes with it."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

__all__ = ["Folder", "own_folder"]

# As long as the links to them are good for: Gradio deletes what visitors sent after the same time.
KEPT_SECONDS: Final = 3600
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

    def fresh(self) -> Path:
        """Make a new folder in it, for a short time; older ones are deleted."""
        for old in self.path.glob(f"{MADE}*"):
            if time.time() - old.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(old, ignore_errors=True)
        return Path(tempfile.mkdtemp(prefix=MADE, dir=self.path))

    def holds(self, path: Path) -> bool:
        """Tell whether a file lies in it, whatever links and dots its path has."""
        return path.resolve().is_relative_to(self.path.resolve())

    def measure(self) -> int:
        """Count the bytes of all files in it."""
        total = 0
        for place, _, names in os.walk(self.path):
            for name in names:
                try:
                    total += Path(place, name).stat().st_size
                except FileNotFoundError:  # deleted meanwhile
                    continue
        return total


@contextmanager
def own_folder() -> Iterator[Folder]:
    """Make the folder, and tell Gradio of it before it makes its first component."""
    before = os.environ.get("GRADIO_TEMP_DIR")
    with tempfile.TemporaryDirectory(prefix="vitonnx-app-") as path:
        os.environ["GRADIO_TEMP_DIR"] = path
        try:
            yield Folder(Path(path))
        finally:
            del os.environ["GRADIO_TEMP_DIR"]
            if before is not None:
                os.environ["GRADIO_TEMP_DIR"] = before
