"""From a reader, a seed and a number to the bytes of a case, the same every time."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from fuzz.readers import Reader

__all__ = ["make_case"]

CHANGES = (1, 1, 1, 2, 2, 3, 5, 8)  # mostly few: what is changed everywhere is refused at once
LARGEST = 2**24  # bytes; changes that repeat pieces could go on growing


def make_case(reader: Reader, files: Sequence[bytes], seed: int, number: int) -> bytes:
    """Make a case: the first ones are the files as they should be, all others are damaged.

    Parameters
    ----------
    reader : Reader
        Whose case it is.
    files : sequence of bytes
        What its `seeds` give.
    seed, number : int
        Of the run, and in it.
    """
    if number < len(files):
        return files[number]
    random = Random(f"{reader.name} {seed} {number}")
    content = random.choice(files)
    for _ in range(random.choice(CHANGES)):
        if len(content) <= LARGEST:
            content = random.choice(reader.mutators)(content, random)
    return content
