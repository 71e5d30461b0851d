"""Text files that list pictures."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from vitonnx.errors import UsageError

__all__ = ["read_lists"]


def read_lists(inputs: Iterable[str | os.PathLike[str]]) -> Iterator[str]:
    """Put the names that a list holds in its place.

    Parameters
    ----------
    inputs : iterable of str or Path
        ``@list`` and ``list.txt`` stand for the names in that file, one a line, relative to the
        current folder as ``find`` prints them; empty lines are passed over. All others stay.

    Yields
    ------
    str
        As `find_pictures` takes them.

    Raises
    ------
    UsageError
        If a list can't be read, or holds no names.

    Examples
    --------
    >>> list(read_lists(["bird.png", "holiday/"]))
    ['bird.png', 'holiday/']
    """
    for given in inputs:
        name = os.fspath(given)
        if name.startswith("@") and not Path(name).exists():
            yield from _names(name[1:])
        elif name.lower().endswith(".txt") and not Path(name).is_dir():
            yield from _names(name)
        else:
            yield name


def _names(file: str) -> list[str]:
    try:
        # Names that are no UTF-8 must come back as they are on the disk.
        text = Path(file).read_text(encoding="utf-8-sig", errors="surrogateescape")
    except FileNotFoundError as error:
        raise UsageError(f"There is no list of pictures {file}: check the name.") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} can't be read as a list of pictures: {error}.") from error
    names = [line for line in text.split("\n") if line]
    if not names:
        raise UsageError(f"{file} lists no pictures: write their names in it, one a line.")
    return names
