"""Numbers of the rows of a shard that are chosen, ascending."""

from __future__ import annotations

import hashlib
import sys
from bisect import bisect_left
from collections.abc import Container
from typing import TypeAlias

__all__ = ["Rows", "as_set", "between", "described_rows", "narrowed", "rows_from"]

Rows: TypeAlias = "range | list[int]"


def rows_from(rows: Rows | None, start: int) -> Rows:
    """Give the chosen rows without the first ones; all there may be, where none are chosen."""
    return range(start, sys.maxsize) if rows is None else rows[start:]


def narrowed(rows: Rows | None, chosen: Rows) -> Rows:
    """Choose among chosen rows."""
    return chosen if rows is None else [rows[number] for number in chosen]


def between(rows: Rows, start: int, stop: int) -> Rows:
    """Give the rows from one number to before another.

    Examples
    --------
    >>> between([2, 3, 5, 7], 3, 7)
    [3, 5]
    """
    return rows[bisect_left(rows, start) : bisect_left(rows, stop)]


def as_set(rows: Rows) -> Container[int]:
    """Give what tells quickly whether a row is one of them."""
    return rows if isinstance(rows, range) else frozenset(rows)


def described_rows(rows: Rows | None) -> str:
    """Describe them so closely that others have another description."""
    if rows is None:
        return "all rows"
    numbers = b"".join(row.to_bytes(8, "little") for row in rows)
    return f"{len(rows)} rows {hashlib.sha256(numbers).hexdigest()}"
