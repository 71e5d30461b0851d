"""Whether two names are of one file: links, other spellings, capitals where they are the same."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

__all__ = ["Files", "first_among", "same_file"]

Name: TypeAlias = str | os.PathLike[str]


class Files:
    """Files that were looked up once, however often names are held against them.

    Parameters
    ----------
    names : iterable of str or Path
        Any number of names; each costs a system call.
    """

    def __init__(self, names: Iterable[Name]) -> None:
        self._keys = {_key(name) for name in names}

    def __contains__(self, name: Name) -> bool:
        return _key(name) in self._keys

    def __or__(self, names: Iterable[Name]) -> Files:
        both = Files(names)
        both._keys |= self._keys
        return both


def same_file(one: Name, other: Name) -> bool:
    """Tell whether two names lead, or will lead, to the same file."""
    return first_among([one], [other]) is not None


def first_among(names: Iterable[Name], others: Iterable[Name] | Files) -> Name | None:
    """Find the first of some names that is, or will be, of the same file as one of some others.

    A file of two names, a hard link, is one, too.
    """
    theirs = others if isinstance(others, Files) else Files(others)
    return next((name for name in names if name in theirs), None)


def _key(name: Name) -> tuple[int, int] | str:
    """Return a key shared by all names of a file; for a missing file, its location."""
    found = _stat(name)
    return _place(name) if found is None else (found.st_dev, found.st_ino)


def _stat(path: Name) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 - any path, as it is
    except (OSError, ValueError):
        return None


def _place(path: Name) -> str:
    """Return the location of a future file: with links resolved, in one spelling."""
    try:
        real = Path(os.path.realpath(path))
    except (OSError, ValueError):
        return os.fspath(path)
    return str(real.with_name(real.name.casefold()) if _ignores_case(real.parent) else real)


def _ignores_case(folder: Path) -> bool:
    """Tell whether a folder's file system ignores case."""
    other = folder.with_name(folder.name.swapcase()) if folder.name else folder
    here, there = _stat(folder), _stat(other)
    return (
        other != folder and here is not None and there is not None and os.path.samestat(here, there)
    )
