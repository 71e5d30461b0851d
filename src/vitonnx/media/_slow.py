"""Files that would keep Pillow busy for minutes, as it reads their kind in Python, byte by byte."""

from __future__ import annotations

import re
import struct
from typing import IO, Final

from PIL import Image

from vitonnx.errors import PictureError

__all__ = ["refuse_long_header", "refuse_runs_in_icon", "refuse_slow"]

# Pillow's decoders in Python take about a microsecond for a step, so this is half a minute.
MOST_STEPS: Final = 2**25
BY_THE_BYTE: Final = {"qoi", "ppm", "ppm_plain", "dds_rgb"}
BY_THE_PIXEL: Final = {"bmp_rle"}  # two bytes may end a line of any length
PIXMAP = re.compile(rb"P[\dFfy]")  # PPM and its kin
ICON: Final = b"\0\0\1\0"
RUNS: Final = {1, 2}  # a bitmap's numbers for run-length encoding
NO_MAXIMUM: Final = {b"P1", b"P4"}  # those of one bit have a width and a height alone
HEADER: Final = 2**16  # Pillow reads it byte by byte; a comment is a program's name, or a line


def refuse_long_header(name: str, file: IO[bytes]) -> None:
    """Refuse a PPM whose width, height and maximum aren't in its first 64 KiB."""
    head = file.read(HEADER)
    more = bool(file.read(1))
    file.seek(0)
    if more and PIXMAP.match(head):
        text = re.sub(rb"#[^\r\n]*[\r\n]?", b"", head)
        words = text.split()
        if not text[-1:].isspace():
            words.pop()  # it goes on
        if len(words) < (3 if text[:2] in NO_MAXIMUM else 4):
            raise PictureError(
                f"{name} has a header of more than {HEADER // 2**10} KiB: remove its comments, or "
                "convert it to PNG."
            )


def refuse_slow(name: str, picture: Image.Image, size: int) -> None:
    """Refuse a file of so many bytes, of a kind that Pillow unpacks in Python."""
    tiles = getattr(picture, "tile", None)
    codec = tiles[0][0] if tiles else ""
    if codec in BY_THE_BYTE:
        steps, counted = size, "bytes"
    elif codec in BY_THE_PIXEL:
        steps, counted = picture.width * picture.height, "pixels"
    else:
        return
    if steps > MOST_STEPS:
        raise PictureError(
            f"{name} is a {picture.format} that would take minutes to unpack: it has {steps:,} "
            f"{counted}, but {MOST_STEPS:,} are allowed: convert it to PNG, or allow it with "
            "--max-pixels MILLIONS (in Python, max_pixels)."
        )


def refuse_runs_in_icon(name: str, file: IO[bytes]) -> None:
    """Refuse an icon of bitmaps in runs: no program writes them, and a run may have any length.

    Pillow unpacks an icon as soon as it opens it.
    """
    start = file.read(6)
    if start.startswith(ICON) and len(start) == 6:
        entries = file.read(16 * int.from_bytes(start[4:], "little"))
        for (offset,) in struct.iter_unpack("<12xI", entries[: len(entries) // 16 * 16]):
            file.seek(offset)
            head = file.read(20)
            if not head.startswith(b"\x89PNG") and int.from_bytes(head[16:], "little") in RUNS:
                raise PictureError(
                    f"{name} is an icon that holds a run-length encoded bitmap, which isn't "
                    "supported: convert it to PNG."
                )
    file.seek(0)
