"""Pictures beyond the memory for decoding: a JPEG is read small and says so, others are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vitonnx.errors import PictureError
from vitonnx.media import decoded, open_picture
from vitonnx.media._budget import DECODING

HEIGHT, WIDTH = 310, 470
LEVELS = 4  # of 255: what reading at a share may change of a picture that is scaled down


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have less for decoding than the pictures below need, so that they can be small."""
    monkeypatch.setattr(DECODING, "whole", 1_100_000)
    monkeypatch.setattr(DECODING, "free", 1_100_000)


def photograph(path: Path, **options: Any) -> Path:
    down, across = np.mgrid[:HEIGHT, :WIDTH]
    smooth = 120 + 60 * np.sin(down / 23) * np.cos(across / 31)
    pixels = np.stack([smooth, smooth * 0.8, 200 - smooth * 0.5], -1).astype(np.uint8)
    Image.fromarray(pixels).save(path, quality=95, **options)
    return path


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_is_read_at_half_its_size(
    orientation: int, progressive: bool, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = photograph(tmp_path / "a.jpg", exif=exif, progressive=progressive)
    said: list[str] = []
    with decoded(path, notice=said.append) as (picture, sides):
        small = picture.resize((48, 48), Image.Resampling.BICUBIC)
        assert max(picture.size) < 250
        assert sides == ((HEIGHT, WIDTH) if orientation == 1 else (WIDTH, HEIGHT))
    (line,) = said
    assert f"{path} is so large that it is decoded at " in line
    assert f"instead of {HEIGHT}x{WIDTH} pixels" in line
    with Image.open(path) as whole:
        turned = whole.transpose(Image.Transpose.ROTATE_270) if orientation == 6 else whole
        expected = turned.resize((48, 48), Image.Resampling.BICUBIC)
    assert np.abs(np.asarray(small).astype(int) - np.asarray(expected)).max() <= LEVELS


@pytest.mark.usefixtures("little_memory")
def test_where_nobody_listens_nothing_is_read_small(tmp_path: Path) -> None:
    path = photograph(tmp_path / "a.jpg")
    with pytest.raises(PictureError, match=rf"{HEIGHT}x{WIDTH} pixels are decoded.* --max-pixels"):
        open_picture(path)
    assert open_picture(path, max_pixels=HEIGHT * WIDTH).size == (WIDTH, HEIGHT)


@pytest.mark.usefixtures("little_memory")
def test_who_allows_so_many_pixels_has_them_all(tmp_path: Path) -> None:
    path = photograph(tmp_path / "a.jpg")
    said: list[str] = []
    with decoded(path, max_pixels=HEIGHT * WIDTH, notice=said.append) as opened:
        assert opened.picture.size == (WIDTH, HEIGHT)
    assert said == []


@pytest.mark.usefixtures("little_memory")
def test_other_kinds_are_refused_unless_they_are_allowed(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (WIDTH, HEIGHT)).save(path)
    with pytest.raises(PictureError, match=r"a\.png would take .* of memory"), decoded(path):
        pass
    with decoded(path, max_pixels=10**6, notice=print) as opened:
        assert opened.sides == (HEIGHT, WIDTH)
    assert DECODING.free == DECODING.whole


def test_usual_pictures_are_read_whole(tmp_path: Path) -> None:
    path = photograph(tmp_path / "a.jpg", progressive=True)
    said: list[str] = []
    with decoded(path, notice=said.append) as opened:
        assert opened.picture.size == (WIDTH, HEIGHT)
    assert said == []


def test_the_memory_is_given_back_when_the_block_fails(tmp_path: Path) -> None:
    path = photograph(tmp_path / "a.jpg")

    def fail() -> None:
        with decoded(path):
            assert DECODING.free < DECODING.whole
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert DECODING.free == DECODING.whole
