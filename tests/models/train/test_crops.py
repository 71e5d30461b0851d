"""Crops of two shots: their sizes, and colours that change the more, the later."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from models.train.easy_pictures import TINY
from vitonnx.models.train import Settings
from vitonnx.models.train._augment import BRIGHTNESS, TO_YIQ
from vitonnx.models.train._crops import GREY, LEAST_HUE, SMALL_CROPS, SOLARISED, Crops, draw_crops

Array = NDArray[np.float64]
SIDE, BATCH, HUE = 4, 150, 0.4
FROM, TO = 100, 300
RAMP = replace(
    TINY,
    objective="dino",
    image_size=SIDE,
    patch=2,
    batch_size=10,
    hue=HUE,
    colour_ramp=(FROM, TO),
)
# Steps of ten pictures, and how far the ramp is: not begun, at its beginning, and so on.
COURSE = [(0, 0.0), (10, 0.0), (15, 0.25), (20, 0.5), (30, 1.0), (1000, 1.0)]


def crops_of(
    colour: tuple[float, float, float], number: int, settings: Settings = RAMP
) -> NDArray[np.float32]:
    """All crops of pictures of one colour all over: (crops, 3), and no place matters."""
    shots = tf.fill((2, BATCH, SIDE, SIDE, 1), 1.0) * tf.constant(colour)
    crops = draw_crops(shots, settings, tf.constant(number))
    colours = [np.reshape(each, (-1, each.shape[-2] * each.shape[-3], 3)) for each in crops]
    joined = np.concatenate(colours)
    assert np.ptp(joined, axis=1).max() < 1e-5
    return np.asarray(joined[:, 0])


def test_a_large_crop_of_each_shot_and_small_ones() -> None:
    generator = np.random.default_rng(0)
    shots = tf.constant(generator.random((2, 3, 32, 32, 3)), tf.float32)
    settings = replace(TINY, objective="dino", image_size=32, patch=8)
    crops = draw_crops(shots, settings, tf.constant(5))
    assert crops.large.shape == (2, 3, 32, 32, 3)
    assert crops.small.shape == (SMALL_CROPS, 2, 3, 16, 16, 3)
    assert crops.large.dtype == crops.small.dtype == tf.float32
    again, later, otherwise = (
        draw_crops(shots, each, tf.constant(number))
        for each, number in ((settings, 5), (settings, 6), (replace(settings, seed=1), 5))
    )
    for crop, same, *others in zip(crops, again, later, otherwise, strict=True):
        np.testing.assert_array_equal(crop, same)
        assert all(np.any(crop != other, axis=(-1, -2, -3)).all() for other in others)


def test_no_two_crops_are_the_same() -> None:
    """Nor are those of a picture that is given twice, as both shots."""
    picture = np.random.default_rng(1).random((1, 1, SIDE, SIDE, 3))
    shots = tf.constant(np.broadcast_to(picture, (2, 7, SIDE, SIDE, 3)), tf.float32)
    crops = draw_crops(shots, RAMP, tf.constant(0))
    for each in crops:
        flat = np.reshape(each, (-1, np.prod(each.shape[-3:])))
        assert len(np.unique(flat, axis=0)) == len(flat)


def test_every_crop_is_of_its_own_picture() -> None:
    """Greys stay grey, and their order is kept where brightness changes by 0.6 to 1.4."""
    levels = np.array([[0.05, 0.13, 0.35], [0.35, 0.05, 0.13]])
    shots = tf.constant(np.broadcast_to(levels[..., None, None, None], (2, 3, SIDE, SIDE, 3)))
    crops: Crops = draw_crops(tf.cast(shots, tf.float32), RAMP, tf.constant(0))
    for seen in (crops.large[None], crops.small):
        ratio = np.mean(seen, axis=(-1, -2, -3)) / levels
        assert 0.6 - 1e-4 <= ratio.min() <= ratio.max() <= 1.4 + 1e-4


@pytest.mark.parametrize(
    ("side", "patch", "small"), [(48, 8, 24), (64, 8, 24), (32, 8, 16), (16, 8, 16), (42, 7, 21)]
)
def test_small_crops_are_whole_patches_near_the_papers_share(
    side: int, patch: int, small: int
) -> None:
    """96 of 224 pixels in the paper; two patches a side at least."""
    settings = replace(TINY, objective="dino", image_size=side, patch=patch)
    crops = draw_crops(tf.zeros((2, 1, side, side, 3)), settings, tf.constant(0))
    assert crops.small.shape == (SMALL_CROPS, 2, 1, small, small, 3)


@pytest.mark.parametrize(("number", "strength"), COURSE)
def test_the_hue_turns_by_more_and_more(number: int, strength: float) -> None:
    """Told by an angle that brightness, contrast and saturation leave as it is."""
    colour = 0.3, 0.24, 0.26  # so dark that solarising does nothing
    drawn = crops_of(colour, number)
    _, *axes = TO_YIQ @ np.array(colour, np.float32)
    _, first, second = TO_YIQ @ drawn.T
    turned = np.angle((first + 1j * second) / complex(*axes)) / (2 * np.pi)
    turned = turned[np.ptp(drawn, axis=1) > 1e-3]  # of grey there is no hue
    most = HUE * (LEAST_HUE + (1 - LEAST_HUE) * strength)
    assert np.abs(turned).max() <= most + 1e-4
    # Of hundreds of draws the largest is within a few hundredths.
    assert turned.max() > 0.93 * most
    assert turned.min() < -0.93 * most


@pytest.mark.parametrize(("number", "strength"), COURSE)
def test_more_and_more_are_grey_and_solarised(number: int, strength: float) -> None:
    count = 2 * BATCH * (1 + SMALL_CROPS)
    grey = np.ptp(crops_of((0.45, 0.3, 0.3), number), axis=1) < 1e-4
    # Nearly white, it stays above 0.5 by any brightness, and goes below by being turned round.
    turned = crops_of((0.9, 0.9, 0.9), number).mean(axis=1) < 0.5
    for chosen, share in ((grey, GREY * strength), (turned, SOLARISED * strength)):
        spread = np.sqrt(share * (1 - share) / count)
        assert abs(chosen.mean() - share) <= 4 * spread


def test_brightness_changes_from_the_start() -> None:
    drawn = crops_of((0.4, 0.4, 0.4), 0)
    factors = (drawn @ BRIGHTNESS) / 0.4
    assert 0.6 - 1e-4 <= factors.min() < 0.65
    assert 1.35 < factors.max() <= 1.4 + 1e-4


def test_without_a_ramp_colours_change_wholly_from_the_start() -> None:
    colour = (0.45, 0.3, 0.3)
    plain = replace(RAMP, colour_ramp=(0, 0))
    whole = replace(RAMP, colour_ramp=(0, 1))
    np.testing.assert_array_equal(crops_of(colour, 7, plain), crops_of(colour, 7, whole))
    grey = np.ptp(crops_of(colour, 0, plain), axis=1) < 1e-4
    assert grey.mean() > GREY / 2
