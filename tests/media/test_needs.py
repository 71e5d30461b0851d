"""What a picture is said to need is at least what it takes, in a process that measures itself."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile, features

from vitonnx.errors import PictureError
from vitonnx.media import open_picture
from vitonnx.media._budget import bytes_needed

SIDE = 1900
MEASURING = """
import sys, threading
from pathlib import Path
from PIL import Image
from vitonnx.media import open_picture
from vitonnx.media._budget import bytes_needed
from vitonnx.media._picture_file import opened_picture

def peak():
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])

small, file = map(Path, sys.argv[1:])
open_picture(small)  # libraries, and whatever else is made once
with opened_picture(file) as picture:
    needed = bytes_needed(picture)
before = peak()
open_picture(file)
print(needed, peak() - before)
"""
KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "png": ("PNG", "RGB", {}),
    "rgba": ("PNG", "RGBA", {}),
    "grey": ("PNG", "L", {}),
    "sixteen": ("PNG", "I;16", {}),
    "turned": ("PNG", "RGB", {"orientation": 6}),
    "jpeg": ("JPEG", "RGB", {"quality": 60}),
    "progressive": ("JPEG", "RGB", {"quality": 60, "progressive": True, "subsampling": 0}),
    "webp": ("WEBP", "RGBA", {"lossless": True, "method": 0, "quality": 0}),
    "avif": ("AVIF", "RGBA", {"speed": 10, "subsampling": "4:4:4"}),
    "jpeg2000": ("JPEG2000", "RGBA", {}),
    "tiled": ("JPEG2000", "RGB", {"tile_size": (256, 256)}),
    "strips": ("TIFF", "RGB", {"compression": "tiff_deflate"}),
    "raw": ("TIFF", "RGB", {}),
    "avif of three": ("AVIF", "RGB", {"speed": 10}),
    "tiff": ("TIFF", "RGB", {"compression": "tiff_deflate", "strip_size": 2**30}),
    "gif": ("GIF", "P", {}),
    "bmp": ("BMP", "RGB", {}),
}


def write(path: Path, kind: str, side: int) -> Path:
    name, mode, options = KINDS[kind]
    if name == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    columns = np.arange(side, dtype=np.uint16) % 251
    grey = np.broadcast_to(columns, (side, side))
    if mode == "I;16":
        picture = Image.fromarray(grey * np.uint16(257))
    else:
        picture = Image.fromarray(grey.astype(np.uint8)).convert(mode)
    options = dict(options)
    if "orientation" in options:
        exif = Image.Exif()
        exif[0x0112] = options.pop("orientation")
        options["exif"] = exif
    picture.save(path, name, **options)
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux does it")
@pytest.mark.parametrize("kind", KINDS)
def test_it_takes_no_more_than_is_said(kind: str, tmp_path: Path) -> None:
    try:
        small, large = write(tmp_path / "small", kind, 20), write(tmp_path / "large", kind, SIDE)
    except OSError as error:
        pytest.skip(f"this Pillow can't write it: {error}")
    command = [sys.executable, "-c", MEASURING, str(small), str(large)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    needed, taken = map(int, done.stdout.split())
    assert taken <= 1.1 * needed + 2**23  # tiles, and buffers of decoders
    assert taken >= 0.15 * needed  # and it isn't counted many times over, either


def test_only_jpegs_of_several_scans_keep_their_coefficients() -> None:
    needs = {}
    for name, options in {"baseline": {}, "progressive": {"progressive": True}}.items():
        stream = io.BytesIO()
        Image.new("RGB", (53, 71)).save(stream, "jpeg", **options)
        needs[name] = bytes_needed(Image.open(stream))
    assert needs == {"baseline": 8 * 53 * 71, "progressive": 10 * 53 * 71}


def test_an_icon_may_hold_anything() -> None:
    stream = io.BytesIO()
    Image.new("RGBA", (32, 32)).save(stream, "ico")
    assert bytes_needed(Image.open(stream)) is None


def opened(**options: Any) -> Image.Image:
    """A picture of 300x400 pixels, as far as its header."""
    stream = io.BytesIO()
    Image.new("RGB", (400, 300)).save(stream, **options)
    return Image.open(stream)


@pytest.mark.parametrize(
    "options",
    [
        {"format": "TIFF"},
        {"format": "TIFF", "compression": "tiff_deflate", "strip_size": 2400},
        {"format": "BMP"},
        {"format": "JPEG2000", "tile_size": (64, 64)},
        {"format": "JPEG2000", "tile_size": (64, 64), "no_jp2": True},
        {"format": "PPM"},
    ],
)
def test_what_comes_in_pieces_needs_no_more_than_a_png(options: dict[str, Any]) -> None:
    """So that the largest that Pillow reads are read by default."""
    assert bytes_needed(opened(**options)) == 8 * 300 * 400


def test_one_piece_is_held_whole() -> None:
    strip = opened(format="TIFF", compression="tiff_deflate", strip_size=2**30)
    assert 10 * 300 * 400 <= (bytes_needed(strip) or 0) <= 13 * 300 * 400
    assert 19 * 300 * 400 <= (bytes_needed(opened(format="JPEG2000")) or 0) <= 20 * 300 * 400


@pytest.mark.parametrize("place", [b"jP  ", b"jp2c"])
def test_damaged_boxes_count_as_one_piece(place: bytes) -> None:
    picture = opened(format="JPEG2000", tile_size=(64, 64))
    assert isinstance(picture, ImageFile.ImageFile)
    assert isinstance(picture.fp, io.BytesIO)
    whole = picture.fp.getvalue()
    picture.fp = io.BytesIO(whole.replace(place, b"\0\0\0\0").replace(b"\xff\x51", b"\0\0"))
    assert (bytes_needed(picture) or 0) > 30 * 300 * 400


def test_a_bitmap_that_skips_lines_counts_them(tmp_path: Path) -> None:
    """A step of it may make 255 lines at once, whatever the height."""
    rows = struct.pack("<IIIIiiHHIIIIII", 99, 0, 1078, 40, 8 * 10**6, 1, 1, 8, 1, *[0] * 5)
    (tmp_path / "a.bmp").write_bytes(b"BM" + rows + bytes(1024) + b"\0\2\0\xff")
    with pytest.raises(PictureError, match=r"would take 7\.\d GiB"):
        open_picture(tmp_path / "a.bmp")
