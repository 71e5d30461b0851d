"""Pictures that come in: bombs, other kinds of files, turned ones, and their names."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from media import picture_bombs as bombs
from vitonnx.app import Limits
from vitonnx.app._visit import LONGEST_NAME, Visit, plain_name, receive
from vitonnx.demo import demo_models
from vitonnx.engine import Engine
from vitonnx.errors import PictureError

Show = Callable[..., Visit]


@pytest.fixture
def show(tmp_path: Path) -> Show:
    engines = {name: Engine(file) for name, file in demo_models().items()}

    def showing(content: bytes, name: str = "bird.png", pixels: int = 50_000_000) -> Visit:
        path = tmp_path / "uploaded"
        path.write_bytes(content)
        return receive(path, name, engines, Limits(pixels=pixels))

    return showing


def encoded(picture: Image.Image, kind: str, **more: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **more)
    return stream.getvalue()


def refused(show: Show, content: bytes, words: str | None = None) -> None:
    with pytest.raises(PictureError, match=words) as error:
        show(content, name="holiday.jpg")
    assert "uploaded" not in str(error.value)
    assert "holiday.jpg" in str(error.value)


def gradient(height: int, width: int) -> Image.Image:
    """Darker at the left and at the top, and blue from top to bottom."""
    down, across = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    pixels = np.stack([across, across * down, down], axis=-1)
    return Image.fromarray((255 * pixels).astype(np.uint8))


@pytest.mark.parametrize("kind", ["png", "gif", "tiff", "bmp", "jpeg"])
def test_a_bomb_is_refused_by_its_header(kind: str, show: Show) -> None:
    """50 million pixels are allowed, Pillow warns from 89 and refuses from 179 on."""
    for side in (7100, 12_000, 60_000):
        refused(show, getattr(bombs, kind)(side, side), "more than the 50 million pixels")


def test_other_ways_to_be_too_large(show: Show) -> None:
    for content in (bombs.webp(16_383, 16_383), bombs.png(1, 50_000_001)):
        refused(show, content)
    assert show(encoded(gradient(53, 71), "png"), pixels=53 * 71).size == (53, 71)
    with pytest.raises(PictureError, match="pixels"):
        show(encoded(gradient(53, 73), "png"), pixels=53 * 71)


def test_every_frame_of_an_animation_but_the_first_is_left_alone(show: Show) -> None:
    frames = [Image.new("RGB", (71, 53), colour) for colour in ("red", "lime", "blue")]
    for kind in ("gif", "webp", "png"):
        visit = show(encoded(frames[0], kind, save_all=True, append_images=frames[1:]))
        red, green, blue = visit.shown["scenes_vit"].pixels.mean(axis=(0, 1))
        assert red > 200 > 50 > max(green, blue), kind


def test_each_kind_that_is_named_is_taken_and_no_other(show: Show) -> None:
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"):
        assert show(encoded(gradient(53, 71), kind), name="x").size == (53, 71)
    for kind in ("EPS", "PDF", "ICO", "PPM", "TGA", "SGI", "PCX"):
        refused(show, encoded(gradient(53, 71), kind), "is not a picture")


def test_what_only_begins_like_one(show: Show) -> None:
    webp, tiff = b"RIFF\xff\xff\xff\xffWEBPVP8X", b"II*\x00\xff\xff\xff\xff"
    for content in (b"GIF89a", webp, tiff, b"BM", b"\xff\xd8\xff"):
        refused(show, content)
    whole = encoded(gradient(530, 710), "jpeg")
    refused(show, whole[: len(whole) // 2], "is damaged")


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_turned_picture_is_shown_upright(turn: int, show: Show) -> None:
    """Each EXIF orientation of one upright picture looks the same."""
    upright = gradient(53, 71)
    turns = Image.Transpose
    back = [
        *((), (turns.FLIP_LEFT_RIGHT,), (turns.ROTATE_180,), (turns.FLIP_TOP_BOTTOM,)),
        *((turns.TRANSPOSE,), (turns.ROTATE_90,), (turns.TRANSVERSE,), (turns.ROTATE_270,)),
    ]
    stored = upright
    for step in back[turn - 1]:
        stored = stored.transpose(step)
    exif = Image.Exif()
    exif[0x0112] = turn
    visit, expected = show(encoded(stored, "png", exif=exif)), show(encoded(upright, "png"))
    assert visit.size == (53, 71)
    for model, seen in expected.shown.items():
        assert visit.shown[model].crop == seen.crop
        np.testing.assert_array_equal(visit.shown[model].pixels, seen.pixels)
    assert visit.portrait == expected.portrait


@pytest.mark.parametrize("size", [(53, 71), (2003, 1009), (3, 4001)])
def test_the_portrait_is_all_of_it(size: tuple[int, int], show: Show) -> None:
    picture = gradient(*size)
    with Image.open(io.BytesIO(show(encoded(picture, "png")).portrait)) as portrait:
        assert portrait.format == "JPEG"
        assert max(portrait.size) == min(1024, *[max(size)])
        small, whole = (each.resize((8, 8), Image.Resampling.BOX) for each in (portrait, picture))
    if min(size) > 8:
        assert np.abs(np.asarray(small, float) - np.asarray(whole, float)).mean() < 3


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        *(("my bird (2).png", "my bird (2).png"), ("/etc/passwd", "passwd")),
        *(("../../../etc/passwd", "passwd"), ("C:\\pictures\\bird.png", "bird.png")),
        *(("//server/share/bird.png", "bird.png"), ("bi\x00rd.png", "bird.png")),
        *(("bi\nrd\x1b[31m.png", "bird[31m.png"), ("\u202egnp.exe", "gnp.exe")),
        ("<img src=x>.png", "<img src=x>.png"),  # text, which the page never takes for markup
        *(("\ud800.png", ".png"), ("Vögel und 鳥.jpg", "Vögel und 鳥.jpg")),
        ("a" * 5000, "a" * LONGEST_NAME),
        *((name, "picture") for name in ("", ".", "..", "/", "\\", "...", " ", "\0", "\ud800")),
    ],
)
def test_names_keep_only_what_can_be_shown(name: str, plain: str) -> None:
    assert plain_name(name) == plain
