"""Folders in which things lie until they are whole; what a killed process left of them goes.

Each holds a lock as long as its process lives, and the system lets go of it however that process
ends. So a lock that is free says that nobody works there any more. A lock of our own, and not
filelock's, as it must be taken of a file that is there and never make one, and as a file system
without locks must say "in use".

::

    .vitonnx-0123456789abcdef/
        lock
        work/       what is made; it leaves by its own name
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from vitonnx.media._lock import lock_new, try_lock

__all__ = ["passing_folder", "remove_leftovers", "remove_own", "temporary_folder"]

# Hidden beside results; and not among temporary files, where who serves them hides what is hidden.
HIDDEN, PLAIN = ".vitonnx-", "vitonnx-"
OURS = re.compile(r"\.?vitonnx-[0-9a-f]{16}")
LOCK, WORK = "lock", "work"

# Folders that this process has looked through, and what it has in the making.
_looked_through: set[Path] = set()
_own: dict[Path, int | None] = {}


@contextmanager
def passing_folder(home: Path, *, prefix: str = HIDDEN) -> Iterator[Path]:
    """Make a folder for as long as the block runs, which nobody but this user can enter.

    The first one in a place removes what killed processes have left there.

    Parameters
    ----------
    home : Path
        The folder that it is in.
    prefix : str
        Of its name.

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
    try:
        while not _make(place := home / f"{prefix}{secrets.token_hex(8)}"):
            del _own[place]  # somebody took it for a leftover, and removes it
        yield place / WORK
    finally:
        _drop(place)


def temporary_folder() -> AbstractContextManager[Path]:
    """Like `passing_folder`, among the system's temporary files."""
    return passing_folder(Path(tempfile.gettempdir()), prefix=PLAIN)


def remove_leftovers(home: Path) -> None:
    """Remove what processes that are no more have left in a folder, as far as the system lets us.

    What another process is at work in stays, and so does all of which it can't be known.
    """
    with suppress(OSError), os.scandir(home) as entries:
        for entry in entries:
            if OURS.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                _remove_leftover(Path(entry.path))


def remove_own() -> None:
    """Remove all that this process has in the making, as it ends at once."""
    for place in list(_own):
        _drop(place)


def _make(place: Path) -> bool:
    """Make a passing folder, unless somebody takes it for a leftover before it is locked."""
    _own[place] = None  # before it is there: a signal may come in between
    place.mkdir(mode=0o700)
    try:
        _own[place] = lock_new(place / LOCK)
        (place / WORK).mkdir(mode=0o700)
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
    if not (place / LOCK).exists():
        with suppress(OSError):  # killed before it was locked: then it is empty
            place.rmdir()
        return
    descriptor = try_lock(place / LOCK)
    if descriptor is not None:
        _remove(place)
        os.close(descriptor)
        _remove(place)


def _remove(place: Path) -> None:
    """Remove a passing folder, its lock after all that it guards."""
    shutil.rmtree(place / WORK, ignore_errors=True)
    with suppress(OSError):
        (place / LOCK).unlink()
    with suppress(OSError):
        place.rmdir()
