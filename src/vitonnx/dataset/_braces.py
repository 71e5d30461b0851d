"""Names with braces, as shells and WebDataset write many tars in one word."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from vitonnx.errors import UsageError

__all__ = ["expanded"]

BRACES = re.compile(r"\{(?:(?P<first>\d+)\.\.(?P<last>\d+)|(?P<words>[^{}]*,[^{}]*))\}")
MOST = 1_000_000  # names that one word may stand for


def expanded(name: str) -> list[str]:
    """List the names that one with braces stands for, unless a file has this very name.

    Raises
    ------
    UsageError
        If there are more than a million.

    Examples
    --------
    >>> expanded("{train,val}-{08..10}.tar")[2:5]
    ['train-10.tar', 'val-08.tar', 'val-09.tar']
    """
    if "{" not in name or os.path.lexists(name):
        return [name]
    names = [name]
    while BRACES.search(names[0]):
        if len(names) * len(_choices(names[0])) > MOST:
            raise UsageError(f"{name} stands for more than {MOST:,} names: check its braces.")
        names = [longer for shorter in names for longer in _first_expanded(shorter)]
    return list(dict.fromkeys(names))


def _choices(name: str) -> range | list[str]:
    """Give what the first braces stand for."""
    found = BRACES.search(name)
    assert found is not None
    if found["words"] is not None:
        return found["words"].split(",")
    first, last = int(found["first"]), int(found["last"])
    return range(first, last + 1) if first <= last else range(first, last - 1, -1)


def _first_expanded(name: str) -> Iterator[str]:
    found = BRACES.search(name)
    assert found is not None
    ends = [end for end in (found["first"], found["last"]) if end is not None]
    # As shells do: one that begins with a zero says how long all are.
    width = max(map(len, ends)) if any(re.match(r"0\d", end) for end in ends) else 0
    for choice in _choices(name):
        yield f"{name[: found.start()]}{str(choice).zfill(width)}{name[found.end() :]}"
