"""Formats are a list: nothing that a file holds starts a program, whatever the file is called."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from vitonnx.errors import PictureError
from vitonnx.media import find_pictures, open_picture
from vitonnx.media._formats import FORMATS, formats_read, suffixes_read

EPS = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 20 10
%%EndComments
0 0 20 10 rectfill
showpage
%%EOF
"""
PREVIEWED = b"\xc5\xd0\xd3\xc6" + (30).to_bytes(4, "little") + len(EPS).to_bytes(4, "little")

READING = """
import sys
from vitonnx.errors import VitonnxError
from vitonnx.media import find_pictures, open_picture
from vitonnx.media.videos import open_video
folder, *names = sys.argv[1:]
for name in names:
    for read in (open_picture, open_video):
        try:
            read(folder + "/" + name)
        except VitonnxError as error:
            print(error)
print(len(find_pictures([folder])))
"""


def iptc(content: bytes) -> bytes:
    """An IPTC record, whose picture may be of any kind."""

    def tag(record: int, number: int, value: bytes) -> bytes:
        return bytes([0x1C, record, number]) + len(value).to_bytes(2) + value

    head = tag(3, 60, b"\1\0") + tag(3, 20, b"\0\x14") + tag(3, 30, b"\0\x0a") + tag(3, 120, b"\1")
    return head + tag(8, 10, content)


@pytest.mark.skipif(sys.platform == "win32", reason="a program is a file with a mode")
def test_no_picture_starts_ghostscript(tmp_path: Path) -> None:
    """A program of its name stands first on the path, and leaves a mark wherever it is started."""
    programs, folder, mark = tmp_path / "bin", tmp_path / "pictures", tmp_path / "mark"
    programs.mkdir()
    folder.mkdir()
    for name in ("gs", "gswin64c", "djpeg", "ppmtogif"):
        (programs / name).write_text(f"#!/bin/sh\ntouch '{mark}'\n")
        (programs / name).chmod(0o755)
    names = [f"a.{suffix}" for suffix in ("eps", "ps", "png", "jpg", "tif", "gif", "webp", "iim")]
    for name in names:
        (folder / name).write_bytes(EPS)
    (folder / "b.png").write_bytes(PREVIEWED + bytes(18) + EPS)
    (folder / "c.jpg").write_bytes(iptc(EPS))
    done = subprocess.run(
        [sys.executable, "-c", READING, str(folder), *names, "b.png", "c.jpg"],
        env=os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert not mark.exists()
    *refused, found = done.stdout.splitlines()
    assert sum(" is EPS" in line for line in refused) >= 2 * len(names)
    assert found == "7"  # those that are called pictures: .png .jpg .tif .gif .webp, b and c


def test_a_picture_that_somebody_opened_starts_nothing_either(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(EPS)
    with Image.open(tmp_path / "a.png") as opened:
        assert opened.format == "EPS"
        with pytest.raises(PictureError, match="starting another program"):
            open_picture(opened)


def test_the_list_is_of_pillows_own_formats() -> None:
    Image.init()
    known = set(Image.OPEN)
    assert set(FORMATS) - known <= {"AVIF"}  # where Pillow is built without
    assert set(formats_read()) <= {*FORMATS, "HEIF"}
    assert not {"EPS", "WMF", "IPTC", "FITS", "MPEG", "GRIB", "BUFR", "HDF5"} & set(formats_read())


def test_suffixes_follow_from_the_list() -> None:
    usual = {".jpg", ".jpeg", ".png", ".gif", ".webp", ".tif", ".tiff", ".bmp", ".mpo", ".jp2"}
    assert usual <= suffixes_read()
    assert not {".eps", ".ps", ".wmf", ".emf", ".fits", ".mpg", ".h5", ".iim"} & suffixes_read()


def test_a_folder_passes_over_what_isnt_read(tmp_path: Path) -> None:
    (tmp_path / "a.eps").write_bytes(EPS)
    Image.new("RGB", (3, 2)).save(tmp_path / "b.png")
    said: list[str] = []
    assert [path.name for path in find_pictures([tmp_path], notice=said.append)] == ["b.png"]
    assert said == [f"{tmp_path}: skipped 1 EPS (a.eps; convert it to PNG or JPEG)."]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "PPM", "TGA", "PCX", "ICO"])
def test_what_a_file_holds_counts_and_not_its_name(kind: str, tmp_path: Path) -> None:
    Image.new("RGB", (16, 16), (9, 9, 9)).save(tmp_path / "x", kind)
    assert open_picture(tmp_path / "x").size == (16, 16)
