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
# files that leave the folder: nobody else could ever read a result.
PRIVATE = 0o777 if sys.platform == "win32" else 0o700

# Folders that this process has looked through, and what it has in the making.
_looked_through: set[Path] = set()
_own: dict[Path, int | None] = {}


def _disown() -> None:
    """Leave to the parent, after a fork, what it has in the making, and its locks."""
    for descriptor in _own.values():
        if descriptor is not None:
            os.close(descriptor)
    _own.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_disown)


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
    place = _new_name(home, prefix)
    try:
        while not _make(place):
            del _own[place]  # somebody took it for a leftover, and removes it
            place = _new_name(home, prefix)
        yield place / WORK
    finally:
        _drop(place)


def temporary_folder() -> AbstractContextManager[Path]:
    """Like `passing_folder`, among the system's temporary files."""
    return passing_folder(Path(tempfile.gettempdir()), prefix=PLAIN)


def remove_leftovers(home: Path) -> None:
    """Remove what processes that are no more have left in a folder, as far as the system lets us.

    What another process is at work in stays, and so does all of which it can't be known, or that
    isn't this user's own: whoever else can write there must have no say in what goes.
    """
    with suppress(OSError), os.scandir(home) as entries:
        for entry in entries:
            if OURS.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                with suppress(OSError):
                    _remove_leftover(Path(entry.path))


def remove_own() -> None:
    """Remove all that this process has in the making, as it ends at once."""
    for place in list(_own):
        _drop(place)


def _new_name(home: Path, prefix: str) -> Path:
    return home / f"{prefix}{secrets.token_hex(8)}"


def _make(place: Path) -> bool:
    """Make a passing folder, unless somebody takes it for a leftover before it is locked."""
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
    """Remove what is in a passing folder, its lock after all that it guards."""
    folder.remove_folder(WORK)
    folder.remove_file(LOCK)
