"""Damage to the tags of TIFF, and so of the EXIF in other pictures."""

from __future__ import annotations

import struct
from random import Random

from fuzz.mutators import raw
from fuzz.mutators.inside import or_raw

__all__ = ["mutate"]

ENTRY = 12  # bytes: the tag, its type, how many values, and the first of them or their place
TAGS = (254, 256, 257, 258, 259, 262, 273, 274, 277, 278, 279, 284, 317, 320, 322, 323, 338, 34665)


@or_raw
def mutate(content: bytes, random: Random) -> bytes:
    """Change an entry of the first directory, or repeat it as the next."""
    start = content.index(b"II*\0")
    (place,) = struct.unpack_from("<I", content, start + 4)
    (count,) = struct.unpack_from("<H", content, start + place)
    entry = start + place + 2 + ENTRY * random.randrange(count)
    tag, kind, values, value = struct.unpack_from("<HHII", content, entry)
    match random.randrange(5):
        case 0:
            tag = random.choice(TAGS)
        case 1:
            kind = random.randrange(20)
        case 2:
            values = random.choice(raw.NUMBERS) % 2**32
        case 3:
            value = random.choice(raw.NUMBERS) % 2**32
        case _:  # the next directory is this one
            end = start + place + 2 + ENTRY * count
            return content[:end] + struct.pack("<I", place) + content[end + 4 :]
    changed = struct.pack("<HHII", tag, kind, values, value)
    return content[:entry] + changed + content[entry + ENTRY :]
