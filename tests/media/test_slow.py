"""Files that would keep Pillow's decoders in Python busy for minutes are refused at once."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from PIL import Image

from vitonnx.errors import PictureError
from vitonnx.media import open_picture
from vitonnx.media._slow import MOST_STEPS

PIXELS = (2, 2)


def large(path: Path, start: bytes, size: int = MOST_STEPS + 1) -> Path:
    """Write a file with so many bytes, most of them blank."""
    path.write_bytes(start.ljust(size))
    return path


def dds() -> bytes:
    """Of 16 bits a pixel, whose channels are told by masks."""
    form = struct.pack("<II4s5I", 32, 0x40, bytes(4), 16, 0xF800, 0x7E0, 0x1F, 0)
    return b"DDS " + struct.pack("<7I44x", 124, 0x1007, 2, 2, 4, 0, 0) + form + bytes(20)


STARTS = {
    "qoi": b"qoif" + struct.pack(">II", 2, 2) + b"\3\0" + b"\xfe\1\2\3" * 4,
    "plain": b"P3\n2 2\n255\n" + b"1 2 3 " * 4,
    "bits": b"P1\n2 2\n" + b"0 1 0 1 ",
    "ten bits": b"P5\n2 2\n1023\n" + bytes(8),
    "dds": dds() + bytes(8),
}


@pytest.mark.parametrize("kind", STARTS)
def test_it_is_refused_unless_it_is_allowed(kind: str, tmp_path: Path) -> None:
    path = large(tmp_path / "a", STARTS[kind])
    with pytest.raises(PictureError, match=r"minutes to unpack: .* 33,554,432 are allowed"):
        open_picture(path)
    assert open_picture(path, max_pixels=10**6).size == PIXELS
    assert open_picture(large(path, STARTS[kind], len(STARTS[kind]))).size == PIXELS


def test_a_bitmap_in_runs_counts_its_pixels(tmp_path: Path) -> None:
    """Two bytes may end a line of any length."""
    path = tmp_path / "a.bmp"
    header = struct.pack("<IIIIiiHHIIIIII", 99, 0, 1078, 40, 6000, 6000, 1, 8, 1, *[0] * 5)
    path.write_bytes(b"BM" + header + bytes(1024) + bytes(12_000))
    with pytest.raises(PictureError, match=r"minutes to unpack: it has 36,000,000 pixels"):
        open_picture(path)


def test_others_may_be_as_large(tmp_path: Path) -> None:
    path = large(tmp_path / "a.ppm", b"P6\n2 2\n255\n" + bytes(12))
    assert open_picture(path).size == PIXELS


@pytest.mark.parametrize(
    "header",
    [
        b"P6 #%b\n2 2 255\n",
        b"P6 2 2 %b 255\n",
        b"P4 2 #%b\n 2\n",
        b"P6 1#x\n1 1#x\n0 1#%b\n0 255\n",
        b"Pf 2 2 #%b\n -1\n",
    ],
)
def test_a_header_of_megabytes_is_refused(header: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.ppm"
    path.write_bytes(header % (b" " * 2**17) + bytes(2000))
    with pytest.raises(PictureError, match="a header of more than 64 KiB"):
        open_picture(path, max_pixels=10**6)


def test_usual_comments_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.ppm"
    side = 200  # more bytes than the header may have
    lines = b"".join(b"# line %d of a comment\n" % line for line in range(99))
    path.write_bytes(b"P6\n" + lines + b"%d %d\n255\n" % (side, side) + bytes(3 * side**2))
    assert open_picture(path).size == (side, side)
    Image.new("1", (1000, 1000)).save(path)
    assert open_picture(path).size == (1000, 1000)


def test_an_icon_in_runs_is_refused(tmp_path: Path) -> None:
    """Of half a megabyte, it would take 2 GB."""
    width = 40_000
    bitmap = struct.pack("<IiiHHIIIIII", 40, width, 2, 1, 8, 1, *[0] * 5) + bytes(1024)
    bitmap += b"\0\2\0\xff\0\1" + bytes(width // 8 + 64)
    entry = struct.pack("<HHHBBBBHHII", 0, 1, 1, 0, 0, 0, 0, 1, 8, len(bitmap), 22)
    path = tmp_path / "a.ico"
    path.write_bytes(entry + bitmap)
    with pytest.raises(PictureError, match="an icon that holds a run-length encoded bitmap"):
        open_picture(path, max_pixels=10**9)
    Image.new("RGBA", (32, 32)).save(path, bitmap_format="bmp")
    assert open_picture(path).size == (32, 32)
