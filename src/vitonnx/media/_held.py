"""Folders held open and files locked, so that what is removed is what was looked at."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

__all__ = ["Held", "held", "lock_new", "try_lock"]

if sys.platform == "win32":
    import msvcrt

    FLAGS = os.O_RDWR | os.O_BINARY

    def _lock(descriptor: int) -> None:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(*error.args) from error

else:
    import fcntl

    # Don't follow a link, and don't wait for a writer to a pipe of that name.
    FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def lock_new(path: Path) -> int:
    """Make a file and lock it; return the descriptor that holds the lock until it is closed.

    On a file system without locks, the file is made unlocked: it can't be locked then, and appears
    in use. Raise a BlockingIOError if another process was faster, and has locked or removed it.
    """
    descriptor = os.open(path, FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        try:
            _lock(descriptor)
        except BlockingIOError:
            raise
        except OSError:
            return descriptor
        if not _is_still(path, descriptor):
            raise BlockingIOError(f"{path} was removed")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def try_lock(path: Path, *, dir_fd: int | None = None) -> int | None:
    """Lock a file, as `lock_new` does; None if it is locked, gone, or can't be locked.

    `dir_fd` is the open folder that the path is relative to.
    """
    try:
        descriptor = os.open(path, FLAGS, dir_fd=dir_fd)
    except OSError:
        return None
    try:
        _lock(descriptor)
        if _is_still(path, descriptor, dir_fd):
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None


def _is_still(path: Path, descriptor: int, dir_fd: int | None = None) -> bool:
    """Tell whether the locked file still has its name: it may have been removed meanwhile."""
    try:
        named = os.stat(path, dir_fd=dir_fd, follow_symlinks=False)
        return os.path.samestat(named, os.fstat(descriptor))
    except FileNotFoundError:
        return False


class Held(NamedTuple):
    """A folder that is held open; its path may lead elsewhere by now."""

    folder: Path
    descriptor: int | None  # None where nothing can be removed relative to one (Windows)

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
        """As `vitonnx.media._held.try_lock`, for a file in the folder."""
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
    """Open a folder without following links; an OSError if it is missing or none."""
    if sys.platform == "win32" or not shutil.rmtree.avoids_symlink_attacks:
        yield Held(folder, None)
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield Held(folder, descriptor)
    finally:
        os.close(descriptor)
