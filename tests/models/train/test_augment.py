"""Augmentation: what each does to a picture, and that a seed fixes it."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from vitonnx.models.train import _augment as augment

Pictures = NDArray[np.float32]
BATCH, HEIGHT, WIDTH = 61, 53, 11

ALL: dict[str, Callable[..., tf.Tensor]] = {
    "crop": partial(augment.crop, side=7, area=(0.2, 0.9)),
    "flip": augment.flip,
    "jitter": partial(augment.jitter, strength=0.4, hue=0.1, probability=0.8),
    "grey": partial(augment.to_grey, probability=0.5),
    "solarise": partial(augment.solarise, probability=0.5),
}


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    return np.random.default_rng(0).random((BATCH, HEIGHT, WIDTH, 3), np.float32)


def seed(number: int = 0) -> tf.Tensor:
    return tf.constant([3, number])


def changed(before: Pictures, after: Pictures) -> NDArray[np.bool_]:
    """Which pictures are not what they were."""
    return np.asarray(np.any(before != after, axis=(1, 2, 3)))


@pytest.mark.parametrize("name", ALL)
def test_a_seed_fixes_it(name: str, pictures: Pictures) -> None:
    first, again, other = (ALL[name](pictures, seed(number)).numpy() for number in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)
    assert first.dtype == np.float32
    # Cubic filters would overshoot; sums in float32 err by some 1e-7.
    assert -1e-6 <= first.min() <= first.max() <= 1 + 1e-6


@pytest.mark.parametrize("name", ALL)
def test_each_picture_is_drawn_for_itself(name: str, pictures: Pictures) -> None:
    """Also the first of a batch doesn't depend on the others."""
    same = np.repeat(pictures[:1], BATCH, axis=0)
    drawn = ALL[name](same, seed()).numpy()
    assert len({picture.tobytes() for picture in drawn}) > 1


@pytest.mark.parametrize("name", ["grey", "solarise", "flip"])
def test_half_of_the_pictures(name: str, pictures: Pictures) -> None:
    count = changed(pictures, ALL[name](pictures, seed()).numpy()).sum()
    # Of 61, half: 30.5 with a spread of 3.9; four spreads.
    assert abs(count - BATCH / 2) < 16


@pytest.mark.parametrize("name", ["to_grey", "solarise"])
def test_none_or_all(name: str, pictures: Pictures) -> None:
    function = getattr(augment, name)
    assert not changed(pictures, function(pictures, seed(), 0.0).numpy()).any()
    assert changed(pictures, function(pictures, seed(), 1.0).numpy()).all()


def test_a_flip_is_a_flip(pictures: Pictures) -> None:
    flipped = augment.flip(pictures, seed()).numpy()
    turned = changed(pictures, flipped)
    np.testing.assert_array_equal(flipped[turned], pictures[turned][:, :, ::-1])


def test_grey_has_equal_channels_of_the_same_brightness(pictures: Pictures) -> None:
    grey = augment.to_grey(pictures, seed(), 1.0).numpy()
    bright = pictures @ np.array([0.299, 0.587, 0.114], np.float32)
    np.testing.assert_allclose(grey, np.repeat(bright[..., None], 3, axis=-1), atol=1e-6)


def test_solarise_turns_the_bright_half_round(pictures: Pictures) -> None:
    expected = np.where(pictures < 0.5, pictures, 1 - pictures)
    np.testing.assert_array_equal(augment.solarise(pictures, seed(), 1.0).numpy(), expected)


def test_jitter_of_no_strength_changes_nothing(pictures: Pictures) -> None:
    same = augment.jitter(pictures, seed(), strength=0.0, hue=0.0).numpy()
    # To another basis of colours and back, in float32.
    np.testing.assert_allclose(same, pictures, atol=2e-6)


def test_jitter_of_hue_alone_keeps_the_brightness_and_turns_the_hue() -> None:
    red, green = np.array([0.6, 0.4, 0.4], np.float32), np.array([0.4, 0.6, 0.4], np.float32)
    pictures = np.broadcast_to(np.stack([red, green])[:, None, None], (2, 3, 5, 3))
    many = np.tile(pictures, (50, 1, 1, 1))
    turned = augment.jitter(many, seed(), strength=0.0, hue=0.1).numpy()
    np.testing.assert_allclose(turned @ augment.BRIGHTNESS, many @ augment.BRIGHTNESS, atol=1e-5)
    was = np.array([colorsys.rgb_to_hsv(*picture[0, 0])[0] for picture in many])
    now = np.array([colorsys.rgb_to_hsv(*picture[0, 0])[0] for picture in turned])
    away = (now - was + 0.5) % 1 - 0.5
    # The circles of two colour spaces aren't quite the same: a tenth may be an eighth.
    assert 0.05 < np.abs(away).max() < 0.15
    assert away.min() < 0 < away.max()


def test_jitter_of_strength_alone_keeps_grey_grey() -> None:
    greys = np.full((BATCH, 3, 5, 3), 0.4, np.float32)
    drawn = augment.jitter(greys, seed(), strength=0.5, hue=0.1).numpy()
    # To another basis of colours and back, in float32.
    assert np.ptp(drawn, axis=-1).max() < 2e-6
    # Of one colour all over, the brightness alone counts: 0.5 to 1.5 times.
    factors = drawn[:, 0, 0, 0] / 0.4
    assert 0.5 <= factors.min() < 0.7
    assert 1.3 < factors.max() <= 1.5 + 1e-6


def test_jitter_of_contrast_spreads_about_the_mean() -> None:
    generator = np.random.default_rng(1)
    greys = np.repeat(generator.uniform(0.35, 0.55, (BATCH, 5, 7, 1)), 3, -1).astype(np.float32)
    drawn = augment.jitter(greys, seed(), strength=0.3, hue=0.0).numpy()
    ratio = drawn.std(axis=(1, 2, 3)) / greys.std(axis=(1, 2, 3))
    brightness = drawn.mean(axis=(1, 2, 3)) / greys.mean(axis=(1, 2, 3))
    assert np.all((brightness > 0.7 - 1e-5) & (brightness < 1.3 + 1e-5))
    contrast = ratio / brightness
    assert np.all((contrast > 0.7 - 1e-4) & (contrast < 1.3 + 1e-4))
    assert contrast.std() > 0.1


def test_a_crop_has_a_share_of_the_picture_and_nearly_its_aspect() -> None:
    """A picture whose red is the row and whose green the column tells where its piece was."""
    rows, columns = np.meshgrid(np.linspace(0, 1, 97), np.linspace(0, 1, 97), indexing="ij")
    picture = np.stack([rows, columns, rows], axis=-1).astype(np.float32)
    many = np.repeat(picture[None], 300, axis=0)
    low, high = 0.05, 0.4
    drawn = augment.crop(many, seed(), 9, (low, high)).numpy()
    assert drawn.shape == (300, 9, 9, 3)
    # The ends of a piece are the middles of its outermost pixels, as TensorFlow has it.
    height = drawn[:, -1, 0, 0] - drawn[:, 0, 0, 0]
    width = drawn[:, 0, -1, 1] - drawn[:, 0, 0, 1]
    area, aspect = height * width, width / height
    assert low - 1e-5 <= area.min() < low + 0.02
    assert high - 0.02 < area.max() <= high + 1e-5
    assert 3 / 4 - 1e-4 <= aspect.min() < 0.8
    assert 1.25 < aspect.max() <= 4 / 3 + 1e-4
    # All of it lies inside: outside would be 0, where the top is no smaller than the bottom.
    assert height.min() > 0
    assert np.abs(np.diff(drawn[..., 0], n=2, axis=1)).max() < 1e-4
    assert drawn[:, 0, 0, 0].min() < 0.05
    assert drawn[:, -1, 0, 0].max() > 0.95
