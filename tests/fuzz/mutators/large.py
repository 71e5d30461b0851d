"""Pictures as they should be that are large: all is there that their headers promise."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from random import Random

from PIL import Image

from fuzz.mutators.chunks import write_png

__all__ = ["gif", "png"]

SIDES = (3001, 9000, 13300)
# Of PNG: bits a channel, the number of its kind of colours, and channels.
KINDS = ((8, 0, 1), (8, 2, 3), (16, 2, 3), (8, 6, 4), (16, 6, 4), (1, 0, 1))


def png(content: bytes, random: Random) -> bytes:
    """Give a PNG of any kind in place of a picture."""
    return _png(random.choice(SIDES), *random.choice(KINDS), random.randrange(2))


def gif(content: bytes, random: Random) -> bytes:
    """Give a video of two frames in place of a picture."""
    return _gif(random.choice(SIDES))


@cache
def _png(side: int, bits: int, kind: int, channels: int, interlaced: int) -> bytes:
    header = struct.pack(">IIBBBBB", side, side, bits, kind, 0, 0, interlaced)
    packer = zlib.compressobj(1)
    # Of seven passes the rows are short, and together a few more than without them: for the last
    # of them, zeros may be missing or be too many.
    row = bytes(1 + (side * bits * channels + 7) // 8)
    pixels = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    pieces = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(write_png, pieces))


@cache
def _gif(side: int) -> bytes:
    first, second = (Image.new("P", (side, side), colour) for colour in (0, 1))
    stream = io.BytesIO()
    first.save(stream, "gif", save_all=True, append_images=[second])
    return stream.getvalue()
