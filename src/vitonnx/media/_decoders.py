"""Memory of decoders beyond the picture itself, computed from the picture's header."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from typing import IO, Final

from PIL import Image

__all__ = ["bytes_held"]

WEBP: Final = 12  # bytes a pixel: libwebp's two canvases, and Pillow's copy
HEIF: Final = 16  # planes of up to 16 bits, and copies as RGBA
COPIES: Final = 2  # as bytes, of what libavif unpacks
# Pillow's decoders that are written in Python collect the picture's bytes, and copy them.
COLLECTING: Final = {"qoi": 8, "ppm": 8, "ppm_plain": 8, "dds_rgb": 8, "bmp_rle": 8, "SGI16": 8}
# A step of an RLE bitmap may skip 255 lines, whatever the picture's height; they are made, appended
# and copied.
SKIPPED_LINES: Final = 4 * 256
HEAD: Final = 2**16  # of an AVIF: its properties come first, and each takes some bytes
MOST_BOXES: Final = 1000  # of a JPEG 2000: those of satellites have some ten
# TIFF's numbers for them.
BITS, SAMPLES, ROWS, STRIP_BYTES = 258, 277, 278, 279
TILE_WIDTH, TILE_HEIGHT, TILE_BYTES = 322, 323, 325


def bytes_held(picture: Image.Image) -> int:
    """Estimate what a decoder holds at its peak, the picture itself left out. Measured on 12.3.

    Formats that are unpacked line by line hold next to nothing, and those that come in strips or
    tiles hold one of them at a time.

    Parameters
    ----------
    picture : PIL.Image.Image
        Picture as opened.

    Returns
    -------
    int
        Bytes.
    """
    pixels = picture.width * picture.height
    if picture.format == "WEBP":
        return WEBP * pixels
    if picture.format == "HEIF":
        return HEIF * pixels
    tiles = getattr(picture, "tile", None)
    if not tiles:  # it is decoded
        return 0
    if picture.format == "AVIF":
        return len(picture.getbands()) * (COPIES + _bytes_of_avif(picture)) * pixels
    codec = tiles[0][0]
    if codec == "libtiff":
        return _of_tiff(picture)
    if codec == "jpeg2k":
        return _of_jpeg2000(picture)
    skipped = SKIPPED_LINES * picture.width if codec == "bmp_rle" else 0
    return COLLECTING.get(codec, 0) * pixels + skipped


def _bytes_of_avif(picture: Image.Image) -> int:
    """Return the bytes of a number of AVIF planes: libavif refuses a header that lies."""
    file = getattr(picture, "fp", None)
    head = b"" if file is None or file.closed else _read(file, 0, HEAD)
    depths = [part[2] & 0x40 for part in head.split(b"av1C")[1:] if len(part) > 2]
    return 2 if not depths or any(depths) else 1


def _of_tiff(picture: Image.Image) -> int:
    """Take a strip or tile twice, packed too: codecs inside, as WebP, have a copy of their own."""
    tags: Mapping[int, object] = getattr(picture, "tag_v2", {})
    width, height = picture.size
    across = _largest(tags.get(TILE_WIDTH)) or width
    down = _largest(tags.get(TILE_HEIGHT)) or min(height, _largest(tags.get(ROWS)) or height)
    bits = (_largest(tags.get(BITS)) or 1) * (_largest(tags.get(SAMPLES)) or 1)
    packed = _largest(tags.get(STRIP_BYTES)) or _largest(tags.get(TILE_BYTES)) or 2**62
    # Those of JPEGs come as red, green, blue and alpha.
    return 2 * across * down * max(4, -(-bits // 8)) + min(packed, _length(picture))


def _of_jpeg2000(picture: Image.Image) -> int:
    """Take a tile in 32 bits a channel and as bytes, and all that is packed."""
    width, height = picture.size
    file = getattr(picture, "fp", None)
    header = None if file is None or file.closed else _size_of_jpeg2000(file)
    across, down, bytes_a_pixel = header or (width, height, 5 * (4 + 2))
    return min(across, width) * min(down, height) * bytes_a_pixel + _length(picture)


def _size_of_jpeg2000(file: IO[bytes]) -> tuple[int, int, int] | None:
    """Return tile width and height in pixels, and bytes per pixel, from the codestream."""
    start = 0
    for _ in range(MOST_BOXES):
        head = _read(file, start, 16)
        if head.startswith(b"\xff\x4f\xff\x51"):
            break
        if len(head) < 8:
            return None
        length, kind = struct.unpack(">I4s", head[:8])
        extended = length == 1 and len(head) == 16
        if kind == b"jp2c":
            start += 16 if extended else 8
            continue
        if extended:
            (length,) = struct.unpack(">Q", head[8:])
        if length < 8:
            return None
        start += length
    else:
        return None
    fixed = _read(file, start, 42)
    if len(fixed) < 42:
        return None
    *_, across, down, _, _, channels = struct.unpack(">8x8IH", fixed)
    depths = _read(file, start + 42, 3 * channels)[::3]
    deepest = max((1 + (depth & 127) for depth in depths), default=32)
    return across, down, channels * (4 + -(-deepest // 8))


def _read(file: IO[bytes], start: int, length: int) -> bytes:
    """Read some of a file, and leave it where it stands."""
    place = file.tell()
    try:
        file.seek(start)
        return file.read(length)
    finally:
        file.seek(place)


def _length(picture: Image.Image) -> int:
    file = getattr(picture, "fp", None)
    if file is None or file.closed:
        return 0
    place = file.tell()
    try:
        return int(file.seek(0, os.SEEK_END))
    finally:
        file.seek(place)


def _largest(value: object) -> int | None:
    """Return the largest number of a tag, which may be anything in a damaged file."""
    values = value if isinstance(value, tuple) else (value,)
    return max((number for number in values if isinstance(number, int)), default=None)
