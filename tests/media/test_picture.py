import io
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from vitonnx.errors import PictureError
from vitonnx.media import open_picture

# Red, green and blue fields, an edge apart from each other; sides are prime and unequal.
HEIGHT, WIDTH = 7, 23


def colours() -> NDArray[np.uint8]:
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[:, :8] = (200, 40, 30)
    pixels[:, 8:16] = (20, 180, 60)
    pixels[:, 16:] = (10, 30, 220)
    return pixels


def pixels_of(source: Any) -> NDArray[np.uint8]:
    picture = open_picture(source)
    assert picture.mode == "RGB"
    return np.asarray(picture)


def saved(path: Path, picture: Image.Image, **options: Any) -> Path:
    picture.save(path, **options)
    return path


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".ppm", ".gif"])
def test_lossless_files_keep_their_pixels(tmp_path: Path, suffix: str) -> None:
    path = saved(tmp_path / f"a{suffix}", Image.fromarray(colours()))
    np.testing.assert_array_equal(pixels_of(path), colours())
    np.testing.assert_array_equal(pixels_of(str(path)), colours())


def test_arrays_and_images_are_pictures_too() -> None:
    array = colours()
    np.testing.assert_array_equal(pixels_of(array), colours())
    np.testing.assert_array_equal(pixels_of(array[::-1, ::-2]), colours()[::-1, ::-2])
    np.testing.assert_array_equal(pixels_of(Image.fromarray(array)), colours())


def test_the_source_is_left_as_it_is(tmp_path: Path) -> None:
    image = Image.open(saved(tmp_path / "a.gif", Image.fromarray(colours())))
    open_picture(image)
    assert image.mode == "P"
    image.close()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    # How a camera held that way stores the upright picture (EXIF 2.3, tag 0x0112).
    stored = {
        1: lambda upright: upright,
        2: lambda upright: upright[:, ::-1],
        3: lambda upright: upright[::-1, ::-1],
        4: lambda upright: upright[::-1],
        5: lambda upright: upright.swapaxes(0, 1),
        6: lambda upright: np.rot90(upright, 1),
        7: lambda upright: np.rot90(upright, 2).swapaxes(0, 1),
        8: lambda upright: np.rot90(upright, -1),
    }[orientation](colours())
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / "a.png", Image.fromarray(np.ascontiguousarray(stored)), exif=exif)
    np.testing.assert_array_equal(pixels_of(path), colours())
    with Image.open(path) as image:
        np.testing.assert_array_equal(pixels_of(image), colours())


def test_transparent_is_white(tmp_path: Path) -> None:
    alpha = np.full((HEIGHT, WIDTH, 1), 255, np.uint8)
    alpha[:, 8:16] = 0
    alpha[:, 16:] = 51  # a fifth
    path = saved(tmp_path / "a.png", Image.fromarray(np.concatenate([colours(), alpha], 2)))
    pixels = pixels_of(path)
    np.testing.assert_array_equal(pixels[:, :8], colours()[:, :8])
    assert (pixels[:, 8:16] == 255).all()
    # Four fifths of white and one of blue, to the nearest level or its neighbour.
    assert np.abs(pixels[0, 16].astype(int) - (206, 210, 248)).max() <= 1


@pytest.mark.parametrize("mode", ["LA", "La", "PA", "RGBa"])
def test_all_kinds_of_transparency(mode: str) -> None:
    rgba = np.concatenate([colours(), np.full((HEIGHT, WIDTH, 1), 255, np.uint8)], 2)
    rgba[:, 8:16, 3] = 0
    image = Image.fromarray(rgba)
    steps = {"La": ("LA", "La"), "PA": ("P", "PA")}.get(mode, (mode,))
    for step in steps:
        image = image.convert(step)
    if mode == "PA":
        image.putalpha(Image.fromarray(rgba[..., 3]))
    pixels = pixels_of(image)
    assert (pixels[:, 8:16] == 255).all()
    expected = np.asarray(Image.fromarray(colours()).convert(mode[0] if mode[0] == "L" else "RGB"))
    # Pillow's web palette is as coarse as 51 levels.
    tolerance = 51 if mode == "PA" else 0
    red = pixels[0, 0].astype(int)
    assert np.abs(red - expected[0, 0]).max() <= tolerance


def test_palette_with_a_transparent_entry(tmp_path: Path) -> None:
    image = Image.fromarray(colours()).quantize(3)
    green = image.getpixel((10, 0))
    path = saved(tmp_path / "a.gif", image, transparency=green)
    pixels = pixels_of(path)
    assert (pixels[:, 8:16] == 255).all()
    np.testing.assert_array_equal(pixels[:, :8], colours()[:, :8])


def test_palette_with_half_transparent_entries(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    image.putpalette([0, 0, 0, 0, 0, 0, 0, 0, 0])
    path = saved(tmp_path / "a.png", image, transparency=bytes([0, 51, 255]))
    assert pixels_of(path)[0].tolist() == [[255] * 3, [204] * 3, [0] * 3]


def test_grey_and_one_bit(tmp_path: Path) -> None:
    grey = np.arange(HEIGHT * WIDTH, dtype=np.uint8).reshape(HEIGHT, WIDTH)
    pixels = pixels_of(saved(tmp_path / "a.png", Image.fromarray(grey)))
    np.testing.assert_array_equal(pixels, np.stack([grey] * 3, -1))
    bits = pixels_of(saved(tmp_path / "b.png", Image.fromarray(grey > 80)))
    np.testing.assert_array_equal(bits, np.stack([np.where(grey > 80, 255, 0)] * 3, -1))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_16_bits_are_scaled(tmp_path: Path, suffix: str) -> None:
    grey = np.array([[0, 128, 129, 257 * 100, 257 * 100 + 128, 257 * 100 + 129, 65535]], np.uint16)
    path = saved(tmp_path / f"a{suffix}", Image.fromarray(grey))
    assert pixels_of(path)[0, :, 1].tolist() == [0, 0, 1, 100, 100, 101, 255]
    assert pixels_of(Image.fromarray(grey.astype(np.int32)))[0, :, 1].tolist()[-1] == 255


def test_big_endian_16_bits(tmp_path: Path) -> None:
    image = Image.frombytes("I;16B", (2, 1), bytes([0xFF, 0xFF, 0x64, 0x64]))
    assert pixels_of(image)[0, :, 0].tolist() == [255, 100]


@pytest.mark.parametrize("values", [[[0, 70_000]], [[-1, 4]]])
def test_more_than_16_bits_are_refused(values: list[list[int]]) -> None:
    with pytest.raises(PictureError, match="beyond 16 bits"):
        open_picture(Image.fromarray(np.array(values, np.int32)))


def test_floats_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.tif", Image.fromarray(np.ones((2, 3), np.float32)))
    with pytest.raises(PictureError, match=r"a\.tif holds floats"):
        open_picture(path)


@pytest.mark.parametrize("form", ["CMYK.jpg", "CMYK.tif", "YCbCr.jpg"])
def test_other_colour_spaces(tmp_path: Path, form: str) -> None:
    mode, suffix = form.split(".")
    image = Image.fromarray(colours()).convert(mode)
    options = {"quality": 100, "subsampling": 0} if suffix == "jpg" else {}
    pixels = pixels_of(saved(tmp_path / form, image, **options))
    # JPEG at its best quality is a few levels off.
    assert np.abs(pixels.astype(int) - colours()).max() <= 6
    assert np.abs(pixels_of(image).astype(int) - colours()).max() <= 2


def test_lab(tmp_path: Path) -> None:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    image = ImageCms.buildTransform(srgb, lab, "RGB", "LAB").apply(Image.fromarray(colours()))
    assert image.mode == "LAB"
    path = saved(tmp_path / "a.tif", image)
    # 8 bits of L*a*b* are coarse in the dark: a step of b* is worth 13 levels of blue's little red.
    assert np.abs(pixels_of(path).astype(int) - colours()).max() <= 14
    white = Image.frombytes("LAB", (1, 1), bytes([255, 0, 0]))
    assert pixels_of(white).min() >= 254


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 3), np.uint8), r"uint8 array of shape \(2, 3\)"),
        (np.zeros((2, 3, 4), np.uint8), r"shape \(2, 3, 4\); expected uint8 \(height, width, 3\)"),
        (np.zeros((2, 3, 3), np.float32), "float32 array"),
        (np.zeros((0, 3, 3), np.uint8), r"shape \(0, 3, 3\)"),
        (Image.new("RGB", (0, 3)), "no pixels: it is 3x0"),
        (b"bytes", "a bytes is not a picture"),
    ],
)
def test_what_is_no_picture(array: Any, message: str) -> None:
    with pytest.raises(PictureError, match=message):
        open_picture(array)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"bird\.png does not exist"):
        open_picture(tmp_path / "bird.png")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="is a folder"):
        open_picture(tmp_path)


def test_text_named_png(tmp_path: Path) -> None:
    (tmp_path / "bird.png").write_text("This is no picture.")
    with pytest.raises(PictureError, match=r"bird\.png is not a picture"):
        open_picture(tmp_path / "bird.png")


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "bird.png").touch()
    with pytest.raises(PictureError, match=r"bird\.png is empty"):
        open_picture(tmp_path / "bird.png")


def test_names_that_no_file_can_have(tmp_path: Path) -> None:
    for name in ("x" * 300, "nul\0.png"):
        with pytest.raises(PictureError, match="can't read"):
            open_picture(tmp_path / name)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "GIF"])
@pytest.mark.parametrize("share", [0.4, 0.8, 0.97])
def test_a_truncated_file(tmp_path: Path, kind: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (97, 89, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, kind)
    content = buffer.getvalue()
    path = tmp_path / "bird.png"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(PictureError, match=r"bird\.png is (damaged or truncated|not a picture)"):
        open_picture(path)


def test_a_truncated_jpeg_held_by_the_caller(tmp_path: Path) -> None:
    path = saved(tmp_path / "bird.jpg", Image.effect_noise((89, 97), 50))
    path.write_bytes(path.read_bytes()[:2000])
    with Image.open(path) as image, pytest.raises(PictureError, match=r"bird\.jpg is damaged"):
        open_picture(image)


def png_of_size(path: Path, width: int, height: int) -> Path:
    """Write a PNG that claims to be large, and holds next to nothing."""
    header = b"IHDR" + width.to_bytes(4) + height.to_bytes(4) + bytes([1, 0, 0, 0, 0])
    chunks = [header, b"IDAT" + zlib.compress(b""), b"IEND"]
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            (len(chunk) - 4).to_bytes(4) + chunk + zlib.crc32(chunk).to_bytes(4) for chunk in chunks
        )
    )
    return path


def test_a_decompression_bomb(tmp_path: Path) -> None:
    bomb = png_of_size(tmp_path / "bomb.png", 30_000, 30_000)
    with pytest.raises(PictureError, match="900,000,000 pixels and 178,956,970 are allowed"):
        open_picture(bomb)


def test_the_limit_is_the_callers(tmp_path: Path) -> None:
    file = tmp_path / "bird.png"
    Image.new("RGB", (71, 53)).save(file)
    assert open_picture(file, max_pixels=71 * 53).size == (71, 53)
    with pytest.raises(PictureError, match=r"it has 3,763 pixels and 3,762 are .* --max-pixels"):
        open_picture(file, max_pixels=71 * 53 - 1)
    with pytest.raises(PictureError, match="3,763 pixels and 1,000 are"):  # as Pillow finds it
        open_picture(file, max_pixels=1000)


def test_more_than_pillow_reads_is_read_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a limit of Pillow's that costs no memory; it stands as before."""
    Image.new("RGB", (71, 53)).save(tmp_path / "bird.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(PictureError, match="3,763 pixels and 2,000 are"):
        open_picture(tmp_path / "bird.png")
    assert open_picture(tmp_path / "bird.png", max_pixels=4000).size == (71, 53)
    assert Image.MAX_IMAGE_PIXELS == 1000
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert open_picture(tmp_path / "bird.png").size == (71, 53)


@pytest.mark.parametrize(
    ("name", "head", "message"),
    [
        ("walk.mp4", b"\0\0\0\x18ftypisom", r"walk\.mp4 is a video.*`vitonnx probe video`"),
        ("walk.png", b"\x1aE\xdf\xa3", r"walk\.png is a video"),
        ("walk.mpg", b"\x00\x00\x01\xb3\x0a\x00\xa0\x14", r"walk\.mpg is a video"),
        ("a.NEF", b"II*\0", r"a\.NEF is NEF.* convert it to PNG or JPEG"),
        ("a.svg", b"<svg/>", r"a\.svg is SVG"),
    ],
)
def test_kinds_that_are_no_pictures_here(
    name: str, head: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(head + bytes(999))
    with pytest.raises(PictureError, match=message):
        open_picture(tmp_path / name)


def test_an_address_is_no_picture() -> None:
    with pytest.raises(PictureError, match=r"^https://x\.org/a\.png is a URL"):
        open_picture(Path("https://x.org/a.png"))


def test_large_pictures_are_tried_in_silence(tmp_path: Path) -> None:
    large = png_of_size(tmp_path / "large.png", 10_000, 9_000)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(PictureError, match=r"large\.png is damaged or truncated"):
            open_picture(large)
    assert not caught


def test_a_file_without_permission(closed_folder: Path) -> None:
    with pytest.raises(PictureError, match=r"can't read .*closed\.png: permission denied"):
        open_picture(closed_folder / "closed.png")
