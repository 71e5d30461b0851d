"""Damage to whatever picture or video a file is, by its first bytes."""

from __future__ import annotations

from random import Random

from fuzz.mutators import chunks, raw, tiffs
from fuzz.mutators.raw import Mutator

__all__ = ["mutate"]

# Where a format's mark stands, and what it is.
KINDS: tuple[tuple[int, bytes, Mutator], ...] = (
    (0, b"\x89PNG", chunks.png),
    (0, b"\xff\xd8", chunks.jpeg),
    (0, b"GIF8", chunks.gif),
    (0, b"RIFF", chunks.riff),
    (0, b"II*\0", tiffs.mutate),
    (0, b"icns", chunks.icns),
    (0, b"\x1aE\xdf\xa3", chunks.ebml),
    (4, b"ftyp", chunks.boxes),
    (4, b"jP  ", chunks.boxes),
)


def mutate(content: bytes, random: Random) -> bytes:
    """Change a piece of it, or, where its format is none of these, some bytes."""
    for place, mark, mutator in KINDS:
        if content[place : place + len(mark)] == mark:
            return mutator(content, random)
    return raw.mutate(content, random)
