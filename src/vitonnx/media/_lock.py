"""Locks on files that the system itself lets go when their process ends, however it ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["lock_new", "try_lock"]

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
    """Make a file and lock it.

    On a file system without locks, the file is made unlocked: it can't be locked then, and appears
    in use.

    Returns
    -------
    int
        The descriptor that holds the lock until it is closed.

    Raises
    ------
    BlockingIOError
        If another process was faster, and has locked or removed it.
    OSError
        If it can't be made.
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
    """Lock a file that is there; None if it is locked, gone, or can't be locked.

    Parameters
    ----------
    path : Path
        The file.
    dir_fd : int or None
        The open folder that `path` is relative to.

    Returns
    -------
    int or None
        As in `lock_new`.
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
