"""Temporary folders for files in the making; leftovers of killed processes are removed.

Each holds a lock while its process lives, which the system releases however that process ends. A
free lock therefore proves that the folder is abandoned. The lock is our own, not filelock's, since
it must lock an existing file and never make one, and a file system without locks must report "in
use".

::

    .vitonnx-0123456789abcdef/
        lock
        work/       what is made; it leaves by its own name
"""

from __future__ import annotations

import os
import re
import secrets
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from vitonnx.media._held import Held, held
from vitonnx.media._lock import lock_new

__all__ = ["passing_folder", "remove_leftovers", "remove_own", "temporary_folder"]

# Hidden beside results; and not among temporary files, where who serves them hides what is hidden.
HIDDEN, PLAIN = ".vitonnx-", "vitonnx-"
OURS = re.compile(r"\.?vitonnx-[0-9a-f]{16}")
LOCK, WORK = "lock", "work"
# For this user alone. On Windows Python makes an access list of these bits, which stays with the
# files that leave the folder: no other user could ever read a result.
PRIVATE = 0o777 if sys.platform == "win32" else 0o700

# Folders that this process has searched, and its own temporary folders.
_looked_through: set[Path] = set()
_own: dict[Path, int | None] = {}


def _disown() -> None:
    """Leave temporary folders and locks to the parent process after a fork."""
    for descriptor in _own.values():
        if descriptor is not None:
            os.close(descriptor)
    _own.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_disown)


@contextmanager
def passing_folder(home: Path, *, prefix: str = HIDDEN) -> Iterator[Path]:
    """Make a folder that exists while the block runs, and that only this user can enter.

    The first one in a place removes what killed processes have left there.

    Parameters
    ----------
    home : Path
        The folder that it is in.
    prefix : str
        Prefix of the folder's name.

    Yields
    ------
    Path
        An empty folder, on the file system of `home`.

    Raises
    ------
    OSError
        If it can't be made.
    """
    if home not in _looked_through:
        _looked_through.add(home)
        remove_leftovers(home)
    place = _new_name(home, prefix)
    try:
        while not _make(place):
            del _own[place]  # another process takes it for a leftover, and removes it
            place = _new_name(home, prefix)
        yield place / WORK
    finally:
        _drop(place)


def temporary_folder() -> AbstractContextManager[Path]:
    """Like `passing_folder`, among the system's temporary files."""
    return passing_folder(Path(tempfile.gettempdir()), prefix=PLAIN)


def remove_leftovers(home: Path) -> None:
    """Remove the leftovers of ended processes from a folder, as far as the system allows.

    Folders in use stay, and so do those whose state is unknown or that belong to another user:
    others who can write there must not control what is removed.
    """
    with suppress(OSError), os.scandir(home) as entries:
        for entry in entries:
            if OURS.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                with suppress(OSError):
                    _remove_leftover(Path(entry.path))


def remove_own() -> None:
    """Remove all temporary folders of this process, which is about to end."""
    for place in list(_own):
        _drop(place)


def _new_name(home: Path, prefix: str) -> Path:
    return home / f"{prefix}{secrets.token_hex(8)}"


def _make(place: Path) -> bool:
    """Make a temporary folder, retrying if it is removed as a leftover before it is locked."""
    _own[place] = None  # before it is there: a signal may come in between
    place.mkdir(mode=PRIVATE)
    try:
        _own[place] = lock_new(place / LOCK)
        (place / WORK).mkdir(mode=PRIVATE)
    except (BlockingIOError, FileNotFoundError):
        return False
    return True


def _drop(place: Path) -> None:
    """Remove a folder of ours, to the end also where Ctrl-C comes at this very moment."""
    try:
        _clear(place)
    except BaseException:
        _clear(place)
        raise


def _clear(place: Path) -> None:
    if place not in _own:
        return
    _remove(place)
    descriptor = _own[place]
    if descriptor is not None:
        _own[place] = None
        os.close(descriptor)
        _remove(place)  # where an open file can't be removed
    del _own[place]


def _remove_leftover(place: Path) -> None:
    with held(place) as folder:
        if not folder.is_ours():
            return
        if folder.has(LOCK):
            descriptor = folder.try_lock(LOCK)
            if descriptor is None:
                return
            _empty(folder)
            os.close(descriptor)
            _empty(folder)  # where an open file can't be removed
    place.rmdir()  # only if it is empty, as when it was killed before it was locked


def _remove(place: Path) -> None:
    """Remove a passing folder of ours."""
    with suppress(OSError):
        with held(place) as folder:
            _empty(folder)
        place.rmdir()


def _empty(folder: Held) -> None:
    """Remove the content of a temporary folder, the lock last."""
    folder.remove_folder(WORK)
    folder.remove_file(LOCK)
