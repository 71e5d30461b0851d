"""Folders held open, so that removal in one affects that folder even if its name is reused.

In a folder writable by others, any folder in it can be replaced by a link.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from vitonnx.media._lock import try_lock

__all__ = ["Held", "held"]


class Held(NamedTuple):
    """A folder that is open.

    Parameters
    ----------
    folder : Path
        Path of the folder when it was opened.
    descriptor : int or None
        File descriptor of the folder; None where removal relative to one isn't possible (Windows).
    """

    folder: Path
    descriptor: int | None

    def is_ours(self) -> bool:
        """Tell whether the folder belongs to this user and no other user can enter it."""
        if self.descriptor is None or sys.platform == "win32":
            return True
        found = os.fstat(self.descriptor)
        return found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & 0o777 == 0o700

    def has(self, name: str) -> bool:
        """Tell whether an entry of that name exists in it, including a dangling link."""
        try:
            os.stat(self._place(name), dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def try_lock(self, name: str) -> int | None:
        """As `vitonnx.media._lock.try_lock`, for a file in the folder."""
        return try_lock(self._place(name), dir_fd=self.descriptor)

    def remove_folder(self, name: str) -> None:
        """Remove a folder in it with all that it holds, as far as the system lets us."""
        shutil.rmtree(self._place(name), ignore_errors=True, dir_fd=self.descriptor)

    def remove_file(self, name: str) -> None:
        """Remove a file in it, if the system lets us."""
        with suppress(OSError):
            os.unlink(self._place(name), dir_fd=self.descriptor)

    def _place(self, name: str) -> Path:
        return self.folder / name if self.descriptor is None else Path(name)


@contextmanager
def held(folder: Path) -> Iterator[Held]:
    """Open a folder without following links.

    Raises
    ------
    OSError
        If it doesn't exist, or is not a folder.
    """
    if sys.platform == "win32" or not shutil.rmtree.avoids_symlink_attacks:
        yield Held(folder, None)
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield Held(folder, descriptor)
    finally:
        os.close(descriptor)
