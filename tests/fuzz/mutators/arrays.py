"""Damage to what an ``.npy`` says of its array."""

from __future__ import annotations

import struct
from random import Random

from fuzz.mutators import raw, text
from fuzz.mutators.inside import or_raw

__all__ = ["mutate"]

TYPES = ("<f4", ">f8", "<f2", "|b1", "<i8", "<c16", "<U9", "|S3", "|O", "|V4", "<M8[s]", "<f99", "")
SHAPES = ("()", "(0,)", "(-1,)", "(7,)", "(1, 1, 1, 1)", "(2**31,)", "(99999999999,)", "[3]", "3")
HEADERS = (
    *("{}", "", "{", "[" * 300, "(" * 5000, "{'descr': 1}", "{'shape': ()}", "'''", "\\", "0x"),
    "{'descr': [('a', '<f4'), ('a', '<f4')], 'fortran_order': False, 'shape': (2,)}",
)


@or_raw
def mutate(content: bytes, random: Random) -> bytes:
    """Change the header, whose length mostly stays true."""
    (length,) = struct.unpack_from("<H", content, 8)
    header, values = content[10 : 10 + length], content[10 + length :]
    match random.randrange(6):
        case 0:
            header = _with(header, "descr", repr(random.choice(TYPES)))
        case 1:
            header = _with(header, "shape", random.choice(SHAPES))
        case 2:
            header = random.choice(HEADERS).encode()
        case 3:
            header = text.mutate(header, random)
        case 4:
            header = raw.mutate(header, random)
        case _:
            values = values[: random.randint(0, len(values))]
    said = len(header) if random.random() < 0.9 else random.choice(raw.NUMBERS)
    return content[:8] + struct.pack("<H", said % 2**16) + header + values


def _with(header: bytes, key: str, value: str) -> bytes:
    """Put a value, as it is written, in the place of a key's."""
    start = header.index(f"'{key}': ".encode()) + len(key) + 4
    end = header.index(b", }" if key == "shape" else b", '", start)
    return header[:start] + value.encode() + header[end:]
