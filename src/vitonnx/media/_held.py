"""Folders held open: what is removed in one is its own, whatever takes its name meanwhile.

In a folder that others may write in, they can exchange any other in it for a link.
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
        Its name when it was opened.
    descriptor : int or None
        Of the open folder; None where the system can't remove relative to one, as Windows.
    """

    folder: Path
    descriptor: int | None

    def is_ours(self) -> bool:
        """Tell whether it belongs to this user, and nobody else can enter it."""
        if self.descriptor is None or sys.platform == "win32":
            return True
        found = os.fstat(self.descriptor)
        return found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & 0o777 == 0o700

    def has(self, name: str) -> bool:
        """Tell whether something of that name is in it, be it a link to nothing."""
        try:
            os.stat(self._place(name), dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def try_lock(self, name: str) -> int | None:
        """As `vitonnx.media._lock.try_lock`, of a file in it."""
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
    """Open a folder, behind no link.

    Raises
    ------
    OSError
        If it isn't there, or is no folder.
    """
    if sys.platform == "win32" or not shutil.rmtree.avoids_symlink_attacks:
        yield Held(folder, None)
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield Held(folder, descriptor)
    finally:
        os.close(descriptor)
