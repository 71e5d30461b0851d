"""Augmentation of whole batches in TensorFlow, each picture drawn for itself.

Pictures are float32 (batch, height, width, 3) in the range 0 to 1. Every function takes a `seed`,
an int32 pair, and gives the same pictures for the same seed.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

__all__ = ["crop", "flip", "jitter", "solarise", "to_grey"]

# Of red, green and blue in what the eye calls bright (ITU-R BT.601).
BRIGHTNESS = np.array([0.299, 0.587, 0.114], np.float32)
# From red, green, blue to brightness and two axes of colour; hue is a turn of these two.
TO_YIQ = np.array([BRIGHTNESS, [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]], np.float32)
FROM_YIQ = np.linalg.inv(TO_YIQ)


def uniform(
    pictures: tf.Tensor, seed: tf.Tensor, low: float | tf.Tensor, high: float | tf.Tensor
) -> tf.Tensor:
    """Draw a number for each picture."""
    return tf.random.stateless_uniform(tf.shape(pictures)[:1], seed, low, high)


def chosen(pictures: tf.Tensor, seed: tf.Tensor, probability: float | tf.Tensor) -> tf.Tensor:
    """Choose pictures: bool (batch, 1, 1, 1)."""
    return (uniform(pictures, seed, 0, 1) < probability)[:, None, None, None]


def crop(pictures: tf.Tensor, seed: tf.Tensor, side: int, area: tuple[float, float]) -> tf.Tensor:
    """Cut out a piece of each picture, and scale it to a square: (batch, side, side, 3).

    The piece has a share of the picture within ``area``, and an aspect between 3:4 and 4:3.

    References
    ----------
    Szegedy et al. 2015 (arXiv:1409.4842), section 6.
    """
    of_area, of_aspect, of_top, of_left = tf.unstack(tf.random.split(seed, 4))
    share = uniform(pictures, of_area, *area)
    aspect = tf.exp(uniform(pictures, of_aspect, -np.log(4 / 3), np.log(4 / 3)))
    height = tf.minimum(tf.sqrt(share / aspect), 1)
    width = tf.minimum(tf.sqrt(share * aspect), 1)
    top = uniform(pictures, of_top, 0, 1) * (1 - height)
    left = uniform(pictures, of_left, 0, 1) * (1 - width)
    boxes = tf.stack([top, left, top + height, left + width], axis=1)
    return tf.image.crop_and_resize(pictures, boxes, tf.range(tf.shape(pictures)[0]), (side, side))


def flip(pictures: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Mirror half of the pictures, left to right."""
    return tf.where(chosen(pictures, seed, 0.5), pictures[:, :, ::-1], pictures)


def jitter(
    pictures: tf.Tensor,
    seed: tf.Tensor,
    strength: float,
    hue: float | tf.Tensor,
    probability: float = 1.0,
) -> tf.Tensor:
    """Change brightness, contrast, saturation and hue of some pictures.

    The first three are each multiplied by 1 - strength to 1 + strength; the hue turns by at most
    the share ``hue`` of the circle.
    """
    seeds = tf.unstack(tf.random.split(seed, 5))
    factors = (uniform(pictures, each, 1 - strength, 1 + strength) for each in seeds[:3])
    brightness, contrast, saturation = factors
    angle = uniform(pictures, seeds[3], -2 * np.pi * hue, 2 * np.pi * hue)
    one, zero = tf.ones_like(angle), tf.zeros_like(angle)
    cosine, sine = saturation * tf.cos(angle), saturation * tf.sin(angle)
    turn = tf.stack(
        [
            tf.stack([one, zero, zero], axis=-1),
            tf.stack([zero, cosine, -sine], axis=-1),
            tf.stack([zero, sine, cosine], axis=-1),
        ],
        axis=-2,
    )
    # All but the contrast's centre is linear in the colour: one matrix a picture.
    matrix = brightness[:, None, None] * (FROM_YIQ @ turn @ TO_YIQ)
    coloured = tf.einsum("bhwc,bdc->bhwd", pictures, matrix)
    middle = tf.reduce_mean(tf.tensordot(coloured, BRIGHTNESS, 1), axis=(1, 2))
    middle = middle[:, None, None, None]
    changed = middle + contrast[:, None, None, None] * (coloured - middle)
    some = chosen(pictures, seeds[4], probability)
    return tf.where(some, tf.clip_by_value(changed, 0, 1), pictures)


def to_grey(pictures: tf.Tensor, seed: tf.Tensor, probability: float | tf.Tensor) -> tf.Tensor:
    """Take the colour out of some pictures."""
    grey = tf.tensordot(pictures, BRIGHTNESS, 1)[..., None]
    return tf.where(chosen(pictures, seed, probability), grey, pictures)


def solarise(pictures: tf.Tensor, seed: tf.Tensor, probability: float | tf.Tensor) -> tf.Tensor:
    """Turn the bright half of the colours round, in some pictures."""
    turned = tf.where(pictures < 0.5, pictures, 1 - pictures)
    return tf.where(chosen(pictures, seed, probability), turned, pictures)
