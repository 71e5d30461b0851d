"""Crops of pictures as DINO's student and teacher see them, in colours that change."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from vitonnx.models.train._augment import crop, flip, jitter, solarise, to_grey
from vitonnx.models.train._training_settings import Settings

__all__ = ["Crops", "draw_crops"]

# A twentieth of a small picture, as in the paper, shows nothing; nor is there anything to blur.
LARGE_AREA, SMALL_AREA = (0.6, 1.0), (0.25, 0.6)
SMALL_CROPS = 2  # of each shot
SMALL_SHARE = 96 / 224  # side of a small crop against a large one's
JITTER, JITTERED = 0.4, 0.8  # its strength, and the share of the crops that it changes
GREY, SOLARISED = 0.2, 0.1  # shares of the crops
LEAST_HUE = 0.1  # of the largest shift, where the colour ramp begins


class Crops(NamedTuple):
    """Crops of two shots of each thing.

    Parameters
    ----------
    large : float32 (2, batch, side, side, 3)
        One of each shot.
    small : float32 (SMALL_CROPS, 2, batch, less, less, 3)
    """

    large: tf.Tensor
    small: tf.Tensor


def draw_crops(shots: tf.Tensor, settings: Settings, number: tf.Tensor) -> Crops:
    """Draw crops of shots for a step.

    Parameters
    ----------
    shots : float32 (2, batch, side, side, 3)
        From 0 to 1.
    settings : Settings
    number : int32 scalar
        Steps done before: what is drawn depends on it and the seed alone.

    References
    ----------
    Caron et al. 2021, section 3.1, for crops of two sizes; Grill et al. 2020 (arXiv:2006.07733),
    appendix B, for the colours.
    """
    side, patch = settings.image_size, settings.patch
    less = patch * max(2, round(SMALL_SHARE * side / patch))
    strength = _ramp(settings, number)
    seeds = tf.unstack(tf.random.split(tf.stack([settings.seed, number]), 1 + SMALL_CROPS))
    pictures = tf.reshape(shots, (-1, side, side, 3))
    hue = settings.hue * (LEAST_HUE + (1 - LEAST_HUE) * strength)

    def cut(seed: tf.Tensor, side: int, area: tuple[float, float]) -> tf.Tensor:
        cropping, flipping, colouring, greying, solarising = tf.unstack(tf.random.split(seed, 5))
        x = flip(crop(pictures, cropping, side, area), flipping)
        x = jitter(x, colouring, JITTER, hue, JITTERED)
        x = solarise(to_grey(x, greying, GREY * strength), solarising, SOLARISED * strength)
        return tf.reshape(x, (2, -1, side, side, 3))

    return Crops(
        cut(seeds[0], side, LARGE_AREA),
        tf.stack([cut(seed, less, SMALL_AREA) for seed in seeds[1:]]),
    )


def _ramp(settings: Settings, number: tf.Tensor) -> tf.Tensor:
    """Go from 0 to 1 while the pictures of the colour ramp are seen; stay at 1 without one."""
    start, end = settings.colour_ramp
    if end == 0:
        return tf.constant(1.0)
    seen = tf.cast(number * settings.batch_size, tf.float32)
    return tf.clip_by_value((seen - start) / (end - start), 0, 1)
