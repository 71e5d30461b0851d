"""Whatever a decoder raises is the error of its picture, and of no other."""

from __future__ import annotations

import io
import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile, ImageOps

from media.picture_bombs import filled_png
from vitonnx.errors import PictureError
from vitonnx.media import open_picture


def icns(content: bytes, kind: bytes = b"ic07") -> bytes:
    """An Apple icon that holds one picture."""
    block = kind + struct.pack(">I", 8 + len(content)) + content
    return b"icns" + struct.pack(">I", 8 + len(block)) + block


def ico(content: bytes) -> bytes:
    """A Windows icon of 16 x 16 pixels, by its header."""
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(content), 22) + content


def test_an_icon_that_pillow_asserts_away(tmp_path: Path) -> None:
    """Pillow keeps no palette of an icon's picture, and asserts that there is one."""
    stream = io.BytesIO()
    Image.new("P", (128, 128)).save(stream, "png")
    (tmp_path / "a.jpg").write_bytes(icns(stream.getvalue()))
    with pytest.raises(PictureError, match=r"a\.jpg is damaged or truncated \(AssertionError\)"):
        open_picture(tmp_path / "a.jpg")


ERRORS = [
    *(SyntaxError("x"), AssertionError(), struct.error("x"), RecursionError("x"), KeyError("x")),
    *(ZeroDivisionError("x"), UserWarning("x"), EOFError("x"), OverflowError("x"), BufferError()),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    ("owner", "step"),
    [
        (Image, "open"),
        (ImageFile.ImageFile, "load"),
        (ImageOps, "exif_transpose"),
        (Image.Image, "convert"),
        (Image.Image, "paste"),
    ],
    ids=["header", "pixels", "orientation", "mode", "tiles"],
)
def test_any_error_at_any_step(
    error: Exception, owner: object, step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("P", (23, 7)).save(tmp_path / "a.png")

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(owner, step, fail)
    with pytest.raises(PictureError, match=r"a\.png is damaged or truncated"):
        open_picture(tmp_path / "a.png")


def test_a_lack_of_memory_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (23, 7)).save(tmp_path / "a.png")

    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    with pytest.raises(PictureError, match=r"a\.png needs more memory than there is"):
        open_picture(tmp_path / "a.png")


def test_warnings_that_are_errors(tmp_path: Path) -> None:
    """Pillow warns of palettes with transparent entries, and of cut Exif."""
    palette = Image.new("P", (23, 7))
    palette.save(tmp_path / "a.png", transparency=b"\x80" * 9)
    Image.new("RGB", (23, 7)).save(
        tmp_path / "b.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\1"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("a.png", "b.jpg"):
            try:
                open_picture(tmp_path / name)
            except PictureError as error:
                assert name in str(error)  # noqa: PT017 - either is right


@pytest.mark.parametrize("wrap", [ico, icns], ids=["ico", "icns"])
def test_what_an_icon_holds_has_a_limit_too(wrap: object, tmp_path: Path) -> None:
    """Its header says little, and the PNG in it is larger than is allowed."""
    assert callable(wrap)
    (tmp_path / "a.ico").write_bytes(wrap(filled_png(300, 500)))
    with pytest.raises(PictureError, match=r"a\.ico is (refused|damaged)"):
        open_picture(tmp_path / "a.ico", max_pixels=140_000)


@pytest.mark.parametrize("mode", ["P", "LA", "RGBA", "CMYK", "I;16", "L", "1", "YCbCr"])
def test_tiles_are_not_to_be_seen(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture that is converted tile by tile is the same as one that is converted whole."""
    noise = np.random.default_rng(5).integers(0, 256, (29, 37, 4), dtype=np.uint8)
    if mode == "I;16":
        picture = Image.fromarray(noise[..., :2].copy().view(np.uint16)[..., 0])
    else:
        picture = Image.fromarray(noise if mode in ("LA", "RGBA") else noise[..., :3].copy())
        picture = picture.convert(mode)
    whole = np.asarray(open_picture(picture))
    for size in (1, 7, 37, 100):
        monkeypatch.setattr("vitonnx.media._rgb.TILE", size)
        np.testing.assert_array_equal(np.asarray(open_picture(picture)), whole)


def test_a_large_colour_profile_is_no_damage(tmp_path: Path) -> None:
    """Printers' profiles have up to 3 MB; Pillow's own limit is one."""
    file = tmp_path / "printed.png"
    Image.new("RGB", (7, 5), "red").save(file, icc_profile=b"\1" * 3_000_000)
    assert open_picture(file).size == (7, 5)
