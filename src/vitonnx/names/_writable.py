"""Files that are kept in the user's cache folder, where it can be written."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

__all__ = ["writable"]


def writable(cached: Path) -> Path:
    """Make the folder of a file that is to be kept, and give the file.

    Where the system refuses, as in a home that is read-only or missing, it is a file of that name
    in a folder that goes when this process ends: the same work is then done in every run.
    """
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=cached.parent).close()
    except OSError:
        folder = tempfile.mkdtemp(prefix="vitonnx-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return Path(folder, cached.name)
    return cached
