"""Damage to zips: members, and what their two headers say of them."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from random import Random
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from fuzz.mutators import raw
from fuzz.mutators.inside import or_raw
from fuzz.mutators.text import ODD

__all__ = ["mutate"]

LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
# Of the fields of a header: where they stand and how they are written; methods, flags, checksums,
# packed and unpacked sizes, and where a member begins.
LOCAL_FIELDS = ((6, "H"), (8, "H"), (14, "I"), (18, "I"), (22, "I"), (26, "H"), (28, "H"))
CENTRAL_FIELDS = ((8, "H"), (10, "H"), (16, "I"), (20, "I"), (24, "I"), (28, "H"), (42, "I"))
END_FIELDS = ((8, "H"), (10, "H"), (12, "I"), (16, "I"), (20, "H"))
METHODS = (0, 8, 9, 12, 14, 95, 99)


@or_raw
def mutate(content: bytes, random: Random) -> bytes:
    """Change a member, or a header."""
    return random.choice((_header, _header, _members, _bomb))(content, random)


def _header(content: bytes, random: Random) -> bytes:
    """Have a header lie."""
    mark, fields = random.choice(
        ((LOCAL, LOCAL_FIELDS), (CENTRAL, CENTRAL_FIELDS), (END, END_FIELDS))
    )
    starts = [at for at in range(len(content)) if content.startswith(mark, at)]
    offset, width = random.choice(fields)
    start = random.choice(starts) + offset
    size = struct.calcsize(width)
    number = random.choice((*raw.NUMBERS, *METHODS)) % 2 ** (8 * size)
    return content[:start] + struct.pack(f"<{width}", number) + content[start + size :]


def _members(content: bytes, random: Random) -> bytes:
    """Rename, drop, repeat or pack members."""
    members = _read(content)
    place = random.randrange(len(members))
    name, member = members[place]
    match random.randrange(5):
        case 0:
            members[place] = random.choice([*ODD[:13], "../../x.npy", "/x.npy", name * 2]), member
        case 1:
            del members[place]
        case 2:
            members.append((name, random.choice(members)[1]))
        case 3:
            members.extend((f"{name}{number}", b"") for number in range(300))
        case _:
            random.shuffle(members)
    return _write(members, random.choice((ZIP_STORED, ZIP_DEFLATED)))


def _bomb(content: bytes, random: Random) -> bytes:
    """Have a small member unpack to a large one, of which all headers tell the truth."""
    members = _read(content)
    place = random.randrange(len(members))
    zeros = random.choice((10**6, 10**8, 3 * 10**9))
    packed, checksum = _zeros(zeros)
    members[place] = members[place][0], packed
    written = bytearray(_write(members))
    for mark, method, sizes in ((LOCAL, 8, 14), (CENTRAL, 10, 16)):
        at = -1
        while (at := written.find(mark, at + 1)) >= 0:
            if struct.unpack_from("<I", written, at + sizes + 4)[0] == len(packed):
                struct.pack_into("<H", written, at + method, ZIP_DEFLATED)
                struct.pack_into("<III", written, at + sizes, checksum, len(packed), zeros)
    return bytes(written)


@cache
def _zeros(count: int) -> tuple[bytes, int]:
    """Pack so many zeros, a multiple of a million; with their checksum."""
    million = bytes(10**6)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    # What is flushed wholly needs nothing before it, and so can be repeated.
    piece = packer.compress(million) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(count // 10**6):
        checksum = zlib.crc32(million, checksum)
    return piece * (count // 10**6) + packer.flush(), checksum


def _read(content: bytes) -> list[tuple[str, bytes]]:
    with ZipFile(io.BytesIO(content)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > 2**24:
            raise BadZipFile("too large to be written anew")
        return [(entry.filename, archive.read(entry)) for entry in archive.infolist()]


def _write(members: list[tuple[str, bytes]], method: int = ZIP_STORED) -> bytes:
    written = io.BytesIO()
    with ZipFile(written, "w") as archive:
        for name, member in members:
            # Not by its name alone, which would write the time with it.
            archive.writestr(ZipInfo(name.replace("\0", "_") or "_"), member, method)
    return written.getvalue()
