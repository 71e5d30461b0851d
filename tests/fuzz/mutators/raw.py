"""Damage to bytes, whatever they mean."""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random

__all__ = ["NUMBERS", "Mutator", "mutate"]

Mutator = Callable[[bytes, Random], bytes]

# Where counts and sizes go wrong: around zero, signs, and the ends of their types.
NUMBERS = (
    *(-1, 0, 1, 2, 3, 7, 100, 127, 128, 255, 256, 1000, 4096, 32767, 32768, 65535, 65536, 10**6),
    *(2**24, 10**8, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53, 2**62, 2**63 - 1, 2**63, 2**64 - 1),
)


def mutate(content: bytes, random: Random) -> bytes:
    """Change some bytes, one way or the other."""
    if not content:
        return random.randbytes(random.randint(1, 16))
    return random.choice(WAYS)(content, random)


def _flip(content: bytes, random: Random) -> bytes:
    place = random.randrange(len(content))
    return _put(content, place, bytes([content[place] ^ 1 << random.randrange(8)]))


def _replace(content: bytes, random: Random) -> bytes:
    return _put(content, random.randrange(len(content)), random.randbytes(random.randint(1, 4)))


def _number(content: bytes, random: Random) -> bytes:
    """Write a number of some width over what is there."""
    width = random.choice("BHIQ")
    size = struct.calcsize(width)
    number = random.choice(NUMBERS) % 2 ** (8 * size)
    place = random.randrange(len(content))
    return _put(content, place, struct.pack(random.choice("<>") + width, number))


def _insert(content: bytes, random: Random) -> bytes:
    place = random.randint(0, len(content))
    return content[:place] + random.randbytes(random.randint(1, 32)) + content[place:]


def _delete(content: bytes, random: Random) -> bytes:
    start, end = _span(content, random)
    return content[:start] + content[end:]


def _repeat(content: bytes, random: Random) -> bytes:
    start, end = _span(content, random)
    return content[:end] + content[start:end] * random.choice((1, 1, 2, 50)) + content[end:]


def _move(content: bytes, random: Random) -> bytes:
    start, end = _span(content, random)
    return _put(content, random.randrange(len(content)), content[start:end])


def _fill(content: bytes, random: Random) -> bytes:
    start, end = _span(content, random)
    return _put(content, start, random.choice((b"\0", b"\xff", b"A")) * (end - start))


def _cut(content: bytes, random: Random) -> bytes:
    return content[: random.randrange(len(content))]


def _span(content: bytes, random: Random) -> tuple[int, int]:
    """Choose a piece, mostly a short one."""
    start = random.randrange(len(content))
    longest = random.choice((4, 16, 64, 1024, len(content)))
    return start, min(len(content), start + random.randint(1, longest))


def _put(content: bytes, place: int, piece: bytes) -> bytes:
    return content[:place] + piece + content[place + len(piece) :]


WAYS: tuple[Mutator, ...] = (
    *(_flip, _flip, _replace, _replace, _number, _number, _number),
    *(_insert, _delete, _repeat, _move, _fill, _cut),
)
