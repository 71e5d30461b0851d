"""Small files whose headers promise more pixels than anybody can hold."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image

__all__ = ["bmp", "gif", "jpeg", "png", "tiff", "webp"]


def png(height: int, width: int) -> bytes:
    """A PNG whose pixels never come."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", data)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def gif(height: int, width: int, frame: tuple[int, int] | None = None) -> bytes:
    """A GIF; its first frame may be larger than its canvas."""
    frame_height, frame_width = frame or (height, width)
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    box = b"," + struct.pack("<HHHHB", 0, 0, frame_width, frame_height, 0)
    return b"GIF89a" + screen + box + b"\x02\x02\x4c\x01\x00;"


def tiff(height: int, width: int) -> bytes:
    """A TIFF of one strip."""
    tags = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: height, 279: 9}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\x00" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)


def bmp(height: int, width: int) -> bytes:
    return b"BM" + struct.pack("<IIIIiiHHIIIIII", 99, 0, 54, 40, width, height, 1, 24, *[0] * 6)


def jpeg(height: int, width: int) -> bytes:
    """A JPEG of one pixel that says that it has more."""
    stream = io.BytesIO()
    Image.new("L", (1, 1)).save(stream, "jpeg")
    whole = stream.getvalue()
    place = whole.index(b"\xff\xc0") + 5
    return whole[:place] + struct.pack(">HH", height, width) + whole[place + 4 :]


def webp(height: int, width: int) -> bytes:
    """A lossy WebP of one pixel that says that it has more."""
    stream = io.BytesIO()
    Image.new("RGB", (1, 1)).save(stream, "webp")
    whole = stream.getvalue()
    place = whole.index(b"\x9d\x01\x2a") + 3
    return whole[:place] + struct.pack("<HH", width, height) + whole[place + 4 :]
