"""HEIC, as phones write it, where pillow-heif is installed; and a sentence where it isn't."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vitonnx.errors import PictureError
from vitonnx.media import find_pictures, open_picture
from vitonnx.media.videos import open_video

pillow_heif = pytest.importorskip("pillow_heif")

# Which way a picture is stored, so that it is upright once it is turned as Exif says.
STORED = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90}
LOSSY = 6  # levels, of smooth colours at the best quality, by way of YCbCr in 4:2:0


@pytest.fixture
def upright() -> Image.Image:
    down, across = np.mgrid[:58, :74]
    return Image.fromarray(
        np.stack([40 + 2 * down, 20 + 3 * across, 200 - down - across], -1).astype(np.uint8)
    )


def close(picture: Image.Image, expected: Image.Image) -> None:
    assert picture.mode == "RGB"
    assert picture.size == expected.size
    difference = np.asarray(picture).astype(int) - np.asarray(expected)
    assert np.abs(difference).max() <= LOSSY


def write(picture: Image.Image, path: Path, orientation: int = 1) -> Path:
    exif = Image.Exif()
    exif[0x0112] = orientation
    pillow_heif.from_pillow(picture).save(path, quality=100, exif=exif.tobytes())
    return path


@pytest.mark.parametrize("name", ["phone.heic", "PHONE.HEIC", "a.heif", "sent.jpg"])
def test_it_is_read_whatever_it_is_called(name: str, upright: Image.Image, tmp_path: Path) -> None:
    close(open_picture(write(upright, tmp_path / name)), upright)


@pytest.mark.parametrize("orientation", STORED)
def test_it_is_turned_once(orientation: int, upright: Image.Image, tmp_path: Path) -> None:
    stored = upright.transpose(STORED[orientation])
    close(open_picture(write(stored, tmp_path / "a.heic", orientation)), upright)


def test_ten_bits_are_scaled_to_eight(upright: Image.Image, tmp_path: Path) -> None:
    wide: NDArray[np.uint16] = np.asarray(upright).astype(np.uint16) * 257
    file = pillow_heif.from_bytes("RGB;16", upright.size, wide.tobytes())
    file.save(tmp_path / "a.heic", quality=100, bit_depth=10)
    assert pillow_heif.open_heif(tmp_path / "a.heic", convert_hdr_to_8bit=False).mode == "RGB;16"
    close(open_picture(tmp_path / "a.heic"), upright)


def test_folders_have_it(upright: Image.Image, tmp_path: Path) -> None:
    write(upright, tmp_path / "b.heic")
    upright.save(tmp_path / "a.png")
    said: list[str] = []
    found = find_pictures([tmp_path], notice=said.append)
    assert [path.name for path in found] == ["a.png", "b.heic"]
    assert said == []


def test_as_a_video_it_is_one_frame(upright: Image.Image, tmp_path: Path) -> None:
    (frame,) = open_video(write(upright, tmp_path / "a.heic")).read()
    close(Image.fromarray(frame.pixels), upright)


def test_a_damaged_one(upright: Image.Image, tmp_path: Path) -> None:
    path = write(upright, tmp_path / "a.heic")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(PictureError, match=r"a\.heic is (damaged|HEIC)"):
        open_picture(path)


WITHOUT = """
import sys
sys.modules["pillow_heif"] = None
from vitonnx.errors import VitonnxError
from vitonnx.media import find_pictures, open_picture
print(len(find_pictures([sys.argv[1]], notice=print)))
try:
    open_picture(sys.argv[1] + "/b.heic")
except VitonnxError as error:
    print(error)
"""


def test_without_pillow_heif_it_is_named(upright: Image.Image, tmp_path: Path) -> None:
    write(upright, tmp_path / "b.heic")
    upright.save(tmp_path / "a.png")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(tmp_path)], capture_output=True, text=True, check=True
    )
    notice, count, error = done.stdout.splitlines()
    assert notice.endswith("skipped 1 HEIC (b.heic; to read it:  pip install 'vitonnx[heic]').")
    assert count == "1"
    assert error.endswith(
        "b.heic is HEIC, which isn't read as a picture: to read it:  pip install 'vitonnx[heic]'."
    )
