"""Small files whose headers promise more pixels than anybody can hold."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image

__all__ = ["bmp", "filled_gif", "filled_png", "gif", "jpeg", "png", "tiff", "webp"]


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


def filled_png(height: int, width: int, *, colour: int = 2, depth: int = 8) -> bytes:
    """A whole PNG of one colour, of any size, without memory for it."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    line = b"\0" + b"\x55" * (width * channels * depth // 8)
    packer = zlib.compressobj(1)
    data = b"".join(packer.compress(line) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [_chunk(b"IHDR", header), _chunk(b"IDAT", data), _chunk(b"IEND", b"")]
    if colour == 3:  # half transparent, so that it takes the longest way to RGB
        chunks[1:1] = [_chunk(b"PLTE", bytes(range(256)) * 3), _chunk(b"tRNS", b"\x80" * 256)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def filled_gif(height: int, width: int) -> bytes:
    """A whole GIF of one colour: LZW's best case, where each code is one pixel longer."""
    clear, end = 4, 5
    codes, left = [(clear, 3)], height * width
    run, size = 1, 3
    while left > 0:
        # Code 0 is one pixel, and each new one stands for one pixel more than the last.
        codes.append((0 if run == 1 else end + run - 1, size))
        left -= run
        run += 1
        known = end + run - 1
        size = min(12, max(3, known.bit_length()))
        if known == 4095:
            codes.append((clear, 12))
            run, size = 1, 3
    codes.append((end, size))
    stream = _joined(codes)
    blocks = b"".join(
        bytes([len(stream[start : start + 255])]) + stream[start : start + 255]
        for start in range(0, len(stream), 255)
    )
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    box = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0)
    return b"GIF89a" + screen + box + b"\x02" + blocks + b"\0;"


def _joined(codes: list[tuple[int, int]]) -> bytes:
    """Join codes of some bits each, the lowest bit first."""
    joined, bits, whole = bytearray(), 0, 0
    for code, size in codes:
        whole |= code << bits
        bits += size
        while bits >= 8:
            joined.append(whole & 255)
            whole >>= 8
            bits -= 8
    return bytes(joined) + bytes([whole & 255])
