"""Whether two names are of one file: links, other spellings, capitals where they are the same."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

__all__ = ["among", "same_file"]


def same_file(one: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    """Tell whether two names are, or will be, of one file."""
    return among(one, [other])


def among(path: str | os.PathLike[str], others: Iterable[str | os.PathLike[str]]) -> bool:
    """Tell whether a name is, or will be, of the same file as one of some others."""
    found, place = _stat(path), _place(path)
    for other in others:
        if found is not None:
            theirs = _stat(other)
            if theirs is not None and os.path.samestat(found, theirs):
                return True
        elif _place(other) == place:
            return True
    return False


def _stat(path: str | os.PathLike[str]) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 - any path, as it is
    except (OSError, ValueError):
        return None


def _place(path: str | os.PathLike[str]) -> str:
    """Give where a file will be: behind all links, and in one spelling."""
    try:
        real = Path(os.path.realpath(path))
    except (OSError, ValueError):
        return os.fspath(path)
    return str(real.with_name(real.name.casefold()) if _ignores_case(real.parent) else real)


def _ignores_case(folder: Path) -> bool:
    """Tell whether a folder is found by its name in other capitals, too."""
    other = folder.with_name(folder.name.swapcase()) if folder.name else folder
    here, there = _stat(folder), _stat(other)
    return (
        other != folder and here is not None and there is not None and os.path.samestat(here, there)
    )
