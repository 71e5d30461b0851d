"""A thing of a class: its form, its colours, and how it is drawn at a place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vitonnx.data.scenes._colours import draw_colour_far_from, pattern
from vitonnx.data.scenes._kinds import Paint, Part, shape_of

__all__ = ["Pose", "Thing", "draw_thing"]

Window = tuple[slice, slice]

FINER = 2  # samples a pixel and axis, of which a pixel is the mean
SUBPIXEL_BITS = 4


@dataclass(frozen=True)
class Pose:
    """Pose of an object: centre (x, y) and half extent in pixels, rotation in radians."""

    x: float
    y: float
    extent: float
    turn: float


@dataclass(frozen=True)
class Thing:
    """A thing, wherever it is: its class, parts and colours, and the body's texture and contrast.

    The colours are float32 (paints + 1, 3), 0 to 255; the first, of where it is not, is black.
    """

    label: int
    parts: Sequence[Part]
    colours: NDArray[np.float32]
    texture_seed: int
    relief: float

    @classmethod
    def draw(cls, generator: np.random.Generator, label: int, ground: NDArray[np.float32]) -> Thing:
        """Draw a thing of a class, of colours that can be told from the ground's mean colour."""
        body = draw_colour_far_from(generator, ground)
        second = draw_colour_far_from(generator, body)
        light = 255 - (255 - second) * np.float32(generator.uniform(0.05, 0.4))
        dark = body * np.float32(generator.uniform(0.1, 0.35))
        return cls(
            label=label,
            parts=shape_of(label, generator),
            colours=np.stack([np.zeros(3, np.float32), body, second, light, dark]),
            texture_seed=int(generator.integers(2**32)),
            relief=float(generator.uniform(0, 0.35)),
        )


def draw_thing(
    thing: Thing, pose: Pose, size: tuple[int, int]
) -> tuple[Window, NDArray[np.float32], NDArray[np.float32]]:
    """Draw a thing on nothing, for a picture of a size (height, width).

    Returns
    -------
    window : (rows, columns)
        Part of the picture that the object is in.
    colour : float32 (rows, columns, 3)
        0 to 255, times the cover.
    cover : float32 (rows, columns)
        Share of each pixel that the thing covers.
    """
    cosine, sine = np.cos(pose.turn), np.sin(pose.turn)
    turned = np.array([[cosine, sine], [-sine, cosine]])
    # All corners at once: a thing has a dozen parts, and arrays of a few numbers are slow.
    corners = pose.extent * np.concatenate([part.points for part in thing.parts]) @ turned
    corners += (pose.x, pose.y)
    left, top, right, bottom = _bounds(corners, size)
    paints = np.zeros((FINER * (bottom - top), FINER * (right - left)), np.uint8)
    # Samples' middles are whole numbers to OpenCV.
    fixed = (FINER * (corners - (left, top)) - 0.5) * 2**SUBPIXEL_BITS
    ends = np.cumsum([len(part.points) for part in thing.parts])[:-1]
    outlines = np.split(fixed.round().astype(np.int32), ends)
    for part, outline in zip(thing.parts, outlines, strict=True):
        cv2.fillPoly(paints, [outline], int(part.paint), cv2.LINE_8, SUBPIXEL_BITS)
    colours = thing.colours.take(paints, axis=0)
    body = np.flatnonzero(paints == Paint.BODY)
    rows, columns = np.divmod(body, paints.shape[1])
    shade = 1 + thing.relief * _texture(
        thing, pose, (columns + 0.5) / FINER + left, (rows + 0.5) / FINER + top
    )
    colours.reshape(-1, 3)[body] = thing.colours[Paint.BODY] * shade[:, None]
    shape = (right - left, bottom - top)
    colour = cv2.resize(np.minimum(colours, 255), shape, interpolation=cv2.INTER_AREA)
    cover = cv2.resize((paints > 0).astype(np.float32), shape, interpolation=cv2.INTER_AREA)
    window = (slice(top, bottom), slice(left, right))
    return window, np.asarray(colour, np.float32), np.asarray(cover, np.float32)


def _bounds(corners: NDArray[np.float64], size: tuple[int, int]) -> tuple[int, ...]:
    """Return the bounding box of an object in a picture: left, top, right, bottom, in pixels."""
    low = np.clip(np.floor(corners.min(axis=0)), 0, (size[1] - 1, size[0] - 1))
    high = np.clip(np.ceil(corners.max(axis=0)), low + 1, (size[1], size[0]))
    return (*low.astype(int).tolist(), *high.astype(int).tolist())


def _texture(
    thing: Thing, pose: Pose, x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return the object's texture, from -1 to 1, at positions of the picture; it moves along."""
    x, y = (x - pose.x) / pose.extent, (y - pose.y) / pose.extent
    cosine, sine = np.cos(pose.turn), np.sin(pose.turn)
    return pattern(
        np.random.default_rng(thing.texture_seed), cosine * x + sine * y, cosine * y - sine * x
    )
