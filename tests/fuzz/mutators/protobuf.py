"""Damage to protobuf messages, field by field, with lengths that stay true."""

from __future__ import annotations

from random import Random

from fuzz.mutators import raw

__all__ = ["mutate"]

VARINT, EIGHT, LENGTH, FOUR = 0, 1, 2, 5
DEEPER = 0.8  # how often a change is looked for inside of a field
Field = tuple[int, int, bytes]  # number, wire type, and what is written behind them


def mutate(content: bytes, random: Random) -> bytes:
    """Change one field, of the message or of one inside of it."""
    fields = _fields(content)
    if not fields:
        return raw.mutate(content, random)
    nested = [index for index, field in enumerate(fields) if field[1] == LENGTH and field[2]]
    if nested and random.random() < DEEPER:
        index = random.choice(nested)
        number, kind, value = fields[index]
        fields[index] = number, kind, mutate(value, random)
    else:
        _change(fields, random)
    return b"".join(_written(*field) for field in fields)


def _change(fields: list[Field], random: Random) -> None:
    index = random.randrange(len(fields))
    number, kind, value = fields[index]
    match random.randrange(7):
        case 0:
            del fields[index]
        case 1:
            fields[index:index] = [fields[index]] * random.choice((1, 1, 2, 300))
        case 2:
            other = random.randrange(len(fields))
            fields[index], fields[other] = fields[other], fields[index]
        case 3:
            fields[index] = random.randint(1, 20), kind, value
        case 4:
            fields[index] = number, VARINT, _varint(random.choice(raw.NUMBERS) % 2**64)
        case 5:
            fields[index] = number, kind, random.choice(fields)[2]
        case _ if kind == VARINT:
            fields[index] = number, kind, _varint(random.choice(raw.NUMBERS) % 2**64)
        case _:
            fields[index] = number, LENGTH, raw.mutate(value, random)


def _fields(content: bytes) -> list[Field]:
    """Take a message apart; nothing if it is none."""
    fields, place = [], 0
    try:
        while place < len(content):
            key, place = _read(content, place)
            start, kind = place, key & 7
            if kind == LENGTH:
                length, start = _read(content, place)
                place = start + length
            elif kind == VARINT:
                place = _read(content, place)[1]
            else:
                place += {EIGHT: 8, FOUR: 4}[kind]
            if place > len(content) or key >> 3 == 0:
                return []
            fields.append((key >> 3, kind, content[start:place]))
    except (IndexError, KeyError):
        return []
    return fields


def _written(number: int, kind: int, value: bytes) -> bytes:
    length = _varint(len(value)) if kind == LENGTH else b""
    return _varint(number << 3 | kind) + length + value


def _read(content: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place


def _varint(value: int) -> bytes:
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])
