"""Values and names of others' files, as short as a sentence needs them."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence

__all__ = ["brief", "some"]

# So many names of a kind are spelled out.
NAMED = 5

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 100


def brief(value: object) -> str:
    """Format a value as Python does, but abbreviated.

    Examples
    --------
    >>> brief([16, 8]), brief({"a": [[[[[[[[]]]]]]]]}), brief([0] * 10**6)
    ('[16, 8]', "{'a': [[[[[...]]]]]}", '[0, 0, 0, 0, 0, 0, ...]')
    """
    return _SHORT.repr(value)


def some(names: Sequence[str], join: str = ", ") -> str:
    """List the first few, and count the rest.

    Examples
    --------
    >>> some(["a", "b", "c", "d", "e", "f", "g"])
    'a, b, c, d, e and 2 more'
    """
    rest = len(names) - NAMED
    return join.join(names[:NAMED]) + (f" and {rest} more" if rest > 0 else "")
