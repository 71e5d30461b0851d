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

LIMITS = Limits()


@pytest.fixture(scope="module")
def engines() -> dict[str, Engine]:
    return {name: Engine(file) for name, file in demo_models().items()}


Show = Callable[..., Visit]


@pytest.fixture
def show(engines: dict[str, Engine], tmp_path: Path) -> Show:
    def showing(content: bytes, name: str = "bird.png", limits: Limits = LIMITS) -> Visit:
        path = tmp_path / "uploaded"
        path.write_bytes(content)
        return receive(path, name, engines, limits)

    return showing


def encoded(picture: Image.Image, kind: str, **more: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **more)
    return stream.getvalue()


def gradient(height: int, width: int) -> Image.Image:
    """Darker at the left and at the top, and blue from top to bottom."""
    down, across = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    pixels = np.stack([across, across * down, down], axis=-1)
    return Image.fromarray((255 * pixels).astype(np.uint8))


@pytest.mark.parametrize("side", [7100, 12_000, 60_000])
@pytest.mark.parametrize("kind", ["png", "gif", "tiff", "bmp", "jpeg"])
def test_a_bomb_is_refused_by_its_header(kind: str, side: int, show: Show) -> None:
    """50 million pixels are allowed, Pillow warns from 89 and refuses from 179 on."""
    with pytest.raises(PictureError, match="more than the 50 million pixels") as refused:
        show(getattr(bombs, kind)(side, side))
    assert "uploaded" not in str(refused.value)


def test_a_webp_that_is_too_large(show: Show) -> None:
    with pytest.raises(PictureError):
        show(bombs.webp(16_383, 16_383))


def test_a_long_thin_one_counts_its_pixels(show: Show) -> None:
    with pytest.raises(PictureError, match="million pixels"):
        show(bombs.png(1, 50_000_001))


def test_a_frame_that_is_larger_than_its_canvas(show: Show) -> None:
    with pytest.raises(PictureError):
        show(bombs.gif(1, 1, frame=(12_000, 12_000)))


def test_what_is_allowed_exactly_is_taken(show: Show) -> None:
    limits = Limits(pixels=53 * 71)
    visit = show(encoded(gradient(53, 71), "png"), limits=limits)
    assert visit.size == (53, 71)
    with pytest.raises(PictureError, match="pixels"):
        show(encoded(gradient(53, 73), "png"), limits=limits)


def test_a_file_that_is_too_large_is_not_opened(show: Show) -> None:
    limits = Limits(upload=1000)
    with pytest.raises(PictureError, match="at most"):
        show(bytes(1001), limits=limits)


def test_every_frame_of_an_animation_but_the_first_is_left_alone(show: Show) -> None:
    frames = [Image.new("RGB", (71, 53), colour) for colour in ("red", "lime", "blue")]
    for kind in ("gif", "webp", "png"):
        more = {"save_all": True, "append_images": frames[1:]}
        visit = show(encoded(frames[0], kind, **more))
        red, green, blue = visit.shown["scenes_vit"].pixels.mean(axis=(0, 1))
        assert red > 200 > 50 > max(green, blue), kind


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_each_kind_that_is_named_is_taken(kind: str, show: Show) -> None:
    assert show(encoded(gradient(53, 71), kind), name="x").size == (53, 71)


@pytest.mark.parametrize("kind", ["EPS", "PDF", "ICO", "PPM", "TGA", "SGI", "PCX", "IM", "MSP"])
def test_every_other_kind_is_refused(kind: str, show: Show) -> None:
    picture = gradient(53, 71)
    if kind == "MSP":
        picture = picture.convert("1")
    with pytest.raises(PictureError, match="is not a picture"):
        show(encoded(picture, kind))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"some words",
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='/etc/passwd'/></svg>",
        b"<!doctype html><img src=x onerror=alert(1)>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n",
        b"push graphic-context\nimage over 0,0 0,0 '/etc/passwd'\npop graphic-context",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"RIFF\xff\xff\xff\xffWEBPVP8X",
        b"II*\x00\xff\xff\xff\xff",
        b"BM",
        b"\xff\xd8\xff\xe1\xff\xff",
    ],
    ids=lambda content: content[:6].decode("latin-1").encode("unicode_escape").decode() or "empty",
)
def test_what_is_no_picture(content: bytes, show: Show) -> None:
    with pytest.raises(PictureError, match=r"holiday\.jpg") as refused:
        show(content, name="holiday.jpg")
    assert "uploaded" not in str(refused.value)


def test_a_picture_that_is_cut_off(show: Show) -> None:
    whole = encoded(gradient(530, 710), "jpeg")
    with pytest.raises(PictureError, match=r"bird\.png is damaged") as refused:
        show(whole[: len(whole) // 2])
    assert "uploaded" not in str(refused.value)


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_turned_picture_is_shown_upright(turn: int, show: Show) -> None:
    """Each EXIF orientation of one upright picture looks the same."""
    upright = gradient(53, 71)
    back: dict[int, list[Image.Transpose]] = {
        1: [],
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    stored = upright
    for step in back[turn]:
        stored = stored.transpose(step)
    exif = Image.Exif()
    exif[0x0112] = turn
    visit = show(encoded(stored, "png", exif=exif))
    assert visit.size == (53, 71)
    expected = show(encoded(upright, "png"))
    for model, seen in expected.shown.items():
        assert visit.shown[model].crop == seen.crop
        np.testing.assert_array_equal(visit.shown[model].pixels, seen.pixels)
    assert visit.portraits == expected.portraits


def test_the_portrait_is_what_the_model_sees(show: Show) -> None:
    visit = show(encoded(gradient(1060, 710), "png"))
    for model, seen in visit.shown.items():
        with Image.open(io.BytesIO(visit.portraits[model])) as portrait:
            assert portrait.format == "JPEG"
            small = portrait.resize(seen.pixels.shape[1::-1], Image.Resampling.BOX)
        # JPEG, and two ways to make a picture smaller.
        assert np.abs(np.asarray(small).astype(int) - seen.pixels).mean() < 3


def test_portraits_of_a_long_thin_picture(show: Show) -> None:
    visit = show(encoded(gradient(3, 4001), "png"))
    for portrait in visit.portraits.values():
        with Image.open(io.BytesIO(portrait)) as opened:
            assert max(opened.size) <= 448
            assert min(opened.size) >= 1


def test_every_picture_has_a_key_of_its_own(show: Show) -> None:
    content = encoded(gradient(53, 71), "png")
    keys = {show(content).key for _ in range(5)}
    assert len(keys) == 5
    assert all(len(key) >= 16 for key in keys)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("bird.png", "bird.png"),
        ("my bird (2).png", "my bird (2).png"),
        ("/etc/passwd", "passwd"),
        ("../../../etc/passwd", "passwd"),
        ("C:\\pictures\\bird.png", "bird.png"),
        ("..\\..\\bird.png", "bird.png"),
        ("//server/share/bird.png", "bird.png"),
        ("C:bird.png", "bird.png"),
        ("bird.png/", "bird.png"),
        ("bird.png:stream", "bird.pngstream"),
        ("bi\x00rd.png", "bird.png"),
        ("bi\nrd\x1b[31m.png", "bird[31m.png"),
        ("\u202egnp.exe", "gnp.exe"),
        ("<img src=x>.png", "img src=x.png"),
        ("\ud800.png", ".png"),
        ("Vögel und 鳥.jpg", "Vögel und 鳥.jpg"),
        *(
            (name, "picture")
            for name in ("", ".", "..", "/", "\\", "...", " ", "\0", "\ud800", "?")
        ),
    ],
)
def test_names_keep_only_what_a_file_name_should(name: str, plain: str) -> None:
    assert plain_name(name) == plain


@pytest.mark.parametrize("letter", ["a", "ö", "鳥", "😀", ".", " "])
@pytest.mark.parametrize("suffix", ["", ".png", ".😀😀😀😀😀", "." + 300 * "a"])
def test_long_names_fit_into_any_file_system(letter: str, suffix: str, tmp_path: Path) -> None:
    name = plain_name(5000 * letter + suffix)
    assert 0 < len(name.encode()) <= LONGEST_NAME
    assert name == plain_name(name)
    # The longest name that is made of it.
    (tmp_path / f"{name}.distance.{plain_name(80 * 'm')}.npz").touch()
