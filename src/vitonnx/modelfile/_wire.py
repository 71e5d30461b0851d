"""A protobuf message, followed by the lengths that it states, without parsing it."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence

__all__ = ["integers", "nested", "places", "text", "without"]

# The wire types of protobuf that have a fixed length, in bytes; and the two that say their own.
FIXED = {1: 8, 5: 4}
VARINT, LENGTH = 0, 2
LONGEST = 63  # bits of an integer before its last byte
SIGN = 2**63


def _fields(data: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield number, wire type, start and end of every field of a message.

    What is none raises ValueError or IndexError.
    """
    while start < end:
        key, start = _varint(data, start)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise ValueError("there is no field number 0")
        if kind == LENGTH:
            length, start = _varint(data, start)
        elif kind == VARINT:
            length = _varint(data, start)[1] - start
        elif kind in FIXED:
            length = FIXED[kind]
        else:
            raise ValueError(f"unknown wire type {kind}")
        if start + length > end:
            raise ValueError(f"a field of {length} bytes at {start} ends beyond its message")
        yield number, kind, start, start + length
        start += length


def places(data: mmap.mmap, wanted: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Find where a field of a message stands, as often as it does: its start and its end."""
    for number, _, first, last in _fields(data, start, end):
        if number == wanted:
            yield first, last


def nested(data: mmap.mmap, path: Sequence[int], start: int, end: int) -> Iterator[tuple[int, int]]:
    """Find where a field of a field … stands."""
    for place in places(data, path[0], start, end):
        if len(path) == 1:
            yield place
        else:
            yield from nested(data, path[1:], *place)


def without(data: mmap.mmap, unwanted: int, start: int, end: int) -> bytes:
    """Copy a message but for one of its fields."""
    kept, place = [], start
    for number, _, _, last in _fields(data, start, end):
        if number != unwanted:
            kept.append(data[place:last])
        place = last
    return b"".join(kept)


def text(data: mmap.mmap, number: int, start: int, end: int) -> str:
    """Read a text field of a message, and nothing else of it."""
    return "".join(data[first:last].decode() for first, last in places(data, number, start, end))


def integers(data: mmap.mmap, number: int, start: int, end: int) -> list[int]:
    """Read all values of a field of integers, packed together or one by one."""
    values = []
    for found, _, first, last in _fields(data, start, end):
        while found == number and first < last:
            value, first = _varint(data, first)
            values.append(value if value < SIGN else value - 2 * SIGN)
    return values


def _varint(data: mmap.mmap, start: int) -> tuple[int, int]:
    """Read an integer of seven bits a byte, lowest first; and where it ends."""
    value, shift = 0, 0
    while True:
        byte = data[start]
        value |= (byte & 0x7F) << shift
        start, shift = start + 1, shift + 7
        if byte < 0x80:
            return value, start
        if shift > LONGEST:
            raise ValueError("an integer without an end")
