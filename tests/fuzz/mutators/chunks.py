"""Damage to formats made of pieces that say their own length: PNG, RIFF, JPEG, GIF, ICNS, MP4 …

Each format is two functions: one cuts a file into pieces, head and body, the other writes a piece
with its length, and its checksum where it has one. What happens to the pieces is the same.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from fuzz.mutators import raw
from fuzz.mutators.inside import or_raw
from fuzz.mutators.raw import Mutator

__all__ = ["boxes", "ebml", "gif", "icns", "jpeg", "png", "riff", "write_png"]

Piece = tuple[bytes, bytes]  # what kind it is, and what it holds
INSIDE = 0.7  # how often a change is made inside of a piece


@dataclass(frozen=True)
class Format:
    """How a file is cut and put together.

    Parameters
    ----------
    cut : callable
        Gives what stands in front, and the pieces.
    write : callable
        Writes a piece.
    inner : callable
        Says of a piece how it is changed inside; by default as bytes.
    """

    cut: Callable[[bytes], tuple[bytes, list[Piece]]]
    write: Callable[[Piece], bytes]
    inner: Callable[[Piece], Mutator] = lambda piece: raw.mutate

    def mutate(self, content: bytes, random: Random) -> bytes:
        """Change one piece, or their order."""
        front, pieces = self.cut(content)
        place = random.randrange(len(pieces))
        kind, body = pieces[place]
        if random.random() < INSIDE:
            pieces[place] = kind, self.inner(pieces[place])(body, random)
        else:
            match random.randrange(5):
                case 0:
                    del pieces[place]
                case 1:
                    pieces[place:place] = [pieces[place]] * random.choice((1, 1, 3, 200))
                case 2:
                    other = random.randrange(len(pieces))
                    pieces[place], pieces[other] = pieces[other], pieces[place]
                case 3:
                    pieces[place] = random.choice(pieces)[0], body
                case _:
                    pieces[place] = kind, random.choice(pieces)[1]
        return front + b"".join(map(self.write, pieces))


def _cut_png(content: bytes) -> tuple[bytes, list[Piece]]:
    pieces, place = [], 8
    while place < len(content):
        (length,) = struct.unpack_from(">I", content, place)
        kind = content[place + 4 : place + 8]
        pieces.append((kind, content[place + 8 : place + 8 + length]))
        place += length + 12
    return content[:8], pieces


def write_png(piece: Piece) -> bytes:
    """Write a chunk, with its checksum."""
    kind, body = piece
    checksum = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + checksum


def _cut_riff(content: bytes) -> tuple[bytes, list[Piece]]:
    pieces, place = [], 12
    while place < len(content):
        kind, length = struct.unpack_from("<4sI", content, place)
        pieces.append((kind, content[place + 8 : place + 8 + length]))
        place += 8 + length + length % 2
    return content[:12], pieces


def _write_riff(piece: Piece) -> bytes:
    kind, body = piece
    return struct.pack("<4sI", kind, len(body)) + body + bytes(len(body) % 2)


def _cut_jpeg(content: bytes) -> tuple[bytes, list[Piece]]:
    """Cut the segments up to the scan, which is the last."""
    pieces: list[Piece] = []
    place = 2
    while True:
        marker, length = struct.unpack_from(">2sH", content, place)
        if marker[:1] != b"\xff":
            raise ValueError("no segment begins here")
        if marker == b"\xff\xda":
            return content[:2], [*pieces, (b"", content[place:])]
        pieces.append((marker, content[place + 4 : place + 2 + length]))
        place += 2 + length


def _write_jpeg(piece: Piece) -> bytes:
    marker, body = piece
    return marker + struct.pack(">H", (len(body) + 2) % 2**16) + body if marker else body


def _cut_gif(content: bytes) -> tuple[bytes, list[Piece]]:
    """Cut extensions and frames; the screen's descriptor and its colours stand in front."""
    pieces: list[Piece] = []
    flags = content[10]
    place = start = 13 + (3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0)
    while content[place : place + 1] in (b"!", b","):
        begin = place
        if content[place : place + 1] == b"!":
            place += 2
        else:
            flags = content[place + 9]
            place += 11 + (3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0)
        while content[place]:
            place += 1 + content[place]
        place += 1
        pieces.append((content[begin : begin + 1], content[begin + 1 : place]))
    return content[:start], [*pieces, (b"", content[place:])]


# Boxes of MP4 that hold boxes.
HOLDERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf", b"udta"})


def _cut_boxes(content: bytes) -> tuple[bytes, list[Piece]]:
    pieces, place = [], 0
    while place < len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        if length < 8:
            raise ValueError("a box without an end")
        pieces.append((kind, content[place + 8 : place + length]))
        place += length
    return b"", pieces


def _write_box(piece: Piece) -> bytes:
    kind, body = piece
    return struct.pack(">I4s", (len(body) + 8) % 2**32, kind) + body


def _cut_icns(content: bytes) -> tuple[bytes, list[Piece]]:
    """Cut Apple's icons, whose whole length stands in front."""
    pieces, place = [], 8
    while place < len(content):
        kind, length = struct.unpack_from(">4sI", content, place)
        if length < 8:
            raise ValueError("an icon without an end")
        pieces.append((kind, content[place + 8 : place + length]))
        place += length
    return content[:8], pieces


def _write_icon(piece: Piece) -> bytes:
    kind, body = piece
    return struct.pack(">4sI", kind, len(body) + 8) + body


# Elements of Matroska that hold elements: segment, information, tracks, a track and its picture,
# its sound, clusters and their blocks, cues, tags.
ELEMENTS = frozenset(
    (
        *(b"\x18\x53\x80\x67", b"\x15\x49\xa9\x66", b"\x16\x54\xae\x6b", b"\xae", b"\xe0", b"\xe1"),
        *(b"\x1f\x43\xb6\x75", b"\xa0", b"\x1c\x53\xbb\x6b", b"\x12\x54\xc3\x67"),
    )
)


def _cut_elements(content: bytes) -> tuple[bytes, list[Piece]]:
    pieces, place = [], 0
    while place < len(content):
        start = place
        place += 9 - content[place].bit_length()
        kind = content[start:place]
        width = 9 - content[place].bit_length()
        length = int.from_bytes(content[place : place + width]) & (1 << 7 * width) - 1
        place += width
        if length == (1 << 7 * width) - 1:  # until the end
            length = len(content) - place
        pieces.append((kind, content[place : place + length]))
        place += length
    return b"", pieces


def _write_element(piece: Piece) -> bytes:
    kind, body = piece
    return kind + (len(body) | 1 << 56).to_bytes(8) + body


def _in_box(piece: Piece) -> Mutator:
    return boxes if piece[0] in HOLDERS else raw.mutate


def _in_element(piece: Piece) -> Mutator:
    return ebml if piece[0] in ELEMENTS else raw.mutate


png = or_raw(Format(_cut_png, write_png).mutate)
riff = or_raw(Format(_cut_riff, _write_riff).mutate)
jpeg = or_raw(Format(_cut_jpeg, _write_jpeg).mutate)
icns = or_raw(Format(_cut_icns, _write_icon).mutate)
gif = or_raw(Format(_cut_gif, b"".join).mutate)
boxes = or_raw(Format(_cut_boxes, _write_box, _in_box).mutate)
ebml = or_raw(Format(_cut_elements, _write_element, _in_element).mutate)
