from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from vitonnx.engine import prepare
from vitonnx.manifest import Preprocessing


def recipe(size: tuple[int, int], crop: float, resize: int | None, **others: Any) -> Preprocessing:
    """Give a recipe; the mean is absurd, because nothing here may read it."""
    values: dict[str, Any] = {"interpolation": "bicubic", "mean": (9, 9, 9), "std": (9, 9, 9)}
    return Preprocessing(size=size, crop=crop, resize=resize, **values | others)


def noise(height: int, width: int) -> Image.Image:
    pixels = np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


# Green channel of what timm 1.0.31, torchvision 0.28.0 and Pillow 13.0.0 make of noise(23, 41):
#   transform = timm.data.create_transform((3, *size), interpolation="bicubic", crop_pct=0.7,
#                                          mean=(0, 0, 0), std=(1, 1, 1))
#   (transform(noise(23, 41)) * 255).round().byte()[1].tolist()
FROM_TIMM = {
    (5, 5): [
        [133, 99, 103, 131, 133],
        [157, 130, 116, 109, 131],
        [104, 100, 121, 150, 150],
        [135, 101, 113, 140, 126],
        [129, 114, 128, 150, 130],
    ],
    (5, 7): [
        [128, 127, 133, 99, 103, 131, 133],
        [137, 165, 157, 130, 116, 109, 131],
        [120, 135, 104, 100, 121, 150, 150],
        [107, 132, 135, 101, 113, 140, 126],
        [150, 151, 129, 114, 128, 150, 130],
    ],
    (7, 5): [
        [143, 109, 96, 92, 100],
        [148, 182, 113, 114, 140],
        [142, 77, 142, 101, 128],
        [105, 86, 92, 146, 120],
        [142, 118, 89, 107, 125],
        [130, 122, 139, 103, 135],
        [150, 75, 110, 140, 166],
    ],
}


@pytest.mark.parametrize("size", FROM_TIMM)
def test_pixels_equal_timms(size: tuple[int, int]) -> None:
    prepared = prepare(noise(23, 41), recipe(size, 0.7, 7))
    assert prepared.pixels.shape == (*size, 3)
    assert prepared.pixels.dtype == np.uint8
    # Other builds of Pillow may round the odd pixel to the other side.
    difference = prepared.pixels[..., 1].astype(int) - FROM_TIMM[size]
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize(
    ("picture", "size", "crop"),
    [
        ((640, 480), (224, 224), 0.9),
        ((480, 640), (224, 224), 0.875),
        ((480, 640), (112, 80), 0.9),
        ((97, 31), (224, 320), 1.0),
        ((1, 40), (224, 224), 0.9),
        ((40, 1), (96, 224), 0.9),
        ((2, 3), (224, 224), 0.9),
        ((1, 9001), (32, 32), 0.9),  # too long to be scaled whole
    ],
)
def test_crop_lies_within_the_picture_at_its_centre(
    picture: tuple[int, int], size: tuple[int, int], crop: float
) -> None:
    height, width = picture
    prepared = prepare(noise(*picture), recipe((64, 64), crop, int(64 / crop)).at(size))
    left, top, right, bottom = prepared.crop
    assert prepared.pixels.shape == (*size, 3)
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    # Margins are whole pixels of the input, so they may differ by one.
    pixel = 1.001 * max((right - left) / size[1], (bottom - top) / size[0])
    assert left == pytest.approx(width - right, abs=pixel)
    assert top == pytest.approx(height - bottom, abs=pixel)
    # So much of the shorter side is kept, and it's hardly stretched.
    kept = max((right - left) / width, (bottom - top) / height)
    assert kept == pytest.approx(crop, abs=0.02)
    assert (right - left) / (bottom - top) == pytest.approx(size[1] / size[0], rel=0.05)


def test_the_crop_is_what_the_pixels_show() -> None:
    picture = Image.new("RGB", (300, 200), "black")
    ImageDraw.Draw(picture).rectangle((130, 60, 169, 119), fill="white")
    prepared = prepare(picture, recipe((96, 96), 0.875, 109))
    left, top, right, bottom = prepared.crop
    rows, columns = np.nonzero(prepared.pixels[..., 0] > 127)
    # Edges of the white rectangle, back in the picture: within half a pixel of the input.
    for first, low, high, expected in [
        (columns.min(), left, right, 130),
        (columns.max() + 1, left, right, 170),
        (rows.min(), top, bottom, 60),
        (rows.max() + 1, top, bottom, 120),
    ]:
        assert low + first * (high - low) / 96 == pytest.approx(expected, abs=0.5 * 200 / 109)


def test_squashing_keeps_all_of_the_picture() -> None:
    picture = noise(97, 31)
    prepared = prepare(picture, recipe((48, 64), 1.0, None, interpolation="bilinear"))
    assert prepared.crop == (0, 0, 31, 97)
    expected = np.asarray(picture.resize((64, 48), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(prepared.pixels, expected)


def test_a_picture_of_the_right_size_passes_through() -> None:
    picture = noise(48, 64)
    prepared = prepare(picture, recipe((48, 64), 1.0, 48))
    np.testing.assert_array_equal(prepared.pixels, np.asarray(picture))
    assert prepared.crop == (0, 0, 64, 48)


def test_long_pictures_are_cut_before_they_are_scaled() -> None:
    # Just within what is scaled whole, and just beyond: the same recipe, the same centre.
    short = prepare(noise(10, 1998), recipe((90, 90), 0.9, 100))
    long = prepare(noise(10, 2002), recipe((90, 90), 0.9, 100))
    assert short.crop[2] - short.crop[0] == long.crop[2] - long.crop[0] == 9
    centre = noise(10, 2002).crop((980, 0, 1022, 10))
    expected = prepare(centre, recipe((90, 90), 0.9, 100)).pixels
    # Corners of the crop are single precision: a level or two, and rarely.
    assert np.abs(long.pixels.astype(int) - expected).max() <= 2


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos"])
def test_every_filter_is_pillows(interpolation: str) -> None:
    picture = noise(60, 60)
    prepared = prepare(picture, recipe((20, 20), 1.0, 20, interpolation=interpolation))
    resampling = Image.Resampling[interpolation.upper()]
    expected = np.asarray(picture.resize((20, 20), resampling))
    np.testing.assert_array_equal(prepared.pixels, expected)


def test_the_picture_is_left_as_it_is() -> None:
    picture = noise(23, 41)
    before = picture.tobytes()
    prepare(picture, recipe((5, 5), 0.7, 7))
    assert picture.tobytes() == before


@pytest.mark.peers
@pytest.mark.parametrize("name", ["rocket.jpg", "retina.jpg", "astronaut.png"])
@pytest.mark.parametrize(
    ("size", "crop"),
    [
        ((224, 224), 0.9),
        ((224, 224), 0.875),
        ((384, 384), 1.0),
        ((384, 480), 0.9),
        ((112, 80), 0.95),
    ],
)
def test_photographs_equal_timms(name: str, size: tuple[int, int], crop: float) -> None:
    import skimage.data
    from timm.data import create_transform

    picture = Image.open(Path(skimage.data.data_dir) / name).convert("RGB")
    transform = create_transform(
        (3, *size), interpolation="bicubic", crop_pct=crop, mean=(0, 0, 0), std=(1, 1, 1)
    )
    expected = np.asarray(transform(picture)).transpose(1, 2, 0) * 255
    prepared = prepare(picture, recipe((224, 224), crop, int(224 / crop)).at(size))
    # Mean absolute difference of at most one level; in fact there is none.
    assert np.abs(prepared.pixels - expected).mean() <= 1


@pytest.mark.peers
@pytest.mark.parametrize("size", [(224, 224), (224, 320)])
def test_squashed_photographs_equal_transformers(size: tuple[int, int]) -> None:
    import skimage.data
    from transformers import ViTImageProcessorPil

    picture = Image.open(Path(skimage.data.data_dir) / "rocket.jpg").convert("RGB")
    processor = ViTImageProcessorPil(
        do_rescale=False,
        do_normalize=False,
        size={"height": size[0], "width": size[1]},
        resample=Image.Resampling.BILINEAR,
    )
    expected = np.asarray(processor(picture)["pixel_values"][0]).transpose(1, 2, 0)
    prepared = prepare(picture, recipe(size, 1.0, None, interpolation="bilinear"))
    assert np.abs(prepared.pixels - expected).mean() <= 1
