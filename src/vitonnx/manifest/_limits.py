"""Limits of a manifest's numbers: more than any model has, too little to exhaust a machine.

Only reading checks these, since files come from anywhere.
"""

from __future__ import annotations

import math
from typing import Annotated

from annotated_types import Ge, Le, Len, Lt

__all__ = [
    "LARGEST_SIDE",
    "LONGEST_MANIFEST",
    "MOST_PIXELS",
    "Amount",
    "Count",
    "Grid",
    "Word",
    "Words",
]

LARGEST_SIDE = 2**14
"""Pixels of a side, of the input and of what a picture is scaled to: 16,384."""

MOST_PIXELS = 2**26
"""Of an input: 8192x8192, whose patches of 16 pixels already have 17 billion pairs."""

LONGEST_MANIFEST = 2**24
"""Letters of a manifest: a hundred thousand classes with long names need half of it."""

Amount = Annotated[float, Ge(0), Lt(math.inf)]
Count = Annotated[int, Ge(1), Le(2**16)]
Grid = tuple[Count, Count]
Word = Annotated[str, Len(0, 1_000)]
Words = Annotated[tuple[Word, ...], Len(0, 100_000)]
