"""The ten kinds of things: polygons in a frame from -1 to 1, x to the right, y down.

An object is a list of parts, drawn one over the other. Every call draws new proportions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["CLASSES", "Paint", "Part", "shape_of"]

Points = NDArray[np.float64]


class Paint(IntEnum):
    """Index of an object's colour for a part; 0 where the part is not."""

    BODY = 1
    SECOND = 2
    LIGHT = 3
    DARK = 4


class Part(NamedTuple):
    """A filled polygon, (corners, 2) as x, y."""

    points: Points
    paint: Paint


Draw = Callable[[np.random.Generator], list[Part]]


def ellipse(
    x: float,
    y: float,
    width: float,
    height: float,
    turn: float = 0.0,
    arc: tuple[float, float] = (0, 2),
) -> Points:
    """Return a rotated ellipse around (x, y), or an arc of it, measured in half circles."""
    angles = np.linspace(arc[0] * np.pi, arc[1] * np.pi, 28, endpoint=arc[1] - arc[0] < 2)
    across, down = width * np.cos(angles), height * np.sin(angles)
    cosine, sine = np.cos(turn), np.sin(turn)
    return np.stack([x + cosine * across - sine * down, y + sine * across + cosine * down], axis=1)


def box(left: float, top: float, right: float, bottom: float) -> Points:
    """Return a rectangle."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])


def polygon(*corners: tuple[float, float]) -> Points:
    """Return a polygon by its corners."""
    return np.array(corners)


def mirrored(part: Part) -> Part:
    """Turn a part's left and right round."""
    return Part(part.points * (-1, 1), part.paint)


def on_both_sides(parts: Sequence[Part]) -> list[Part]:
    """Return every part followed by its mirror image."""
    return [side for part in parts for side in (part, mirrored(part))]


def _about(generator: np.random.Generator, value: float, share: float = 0.15) -> float:
    """Draw a number near a value."""
    return value * float(generator.uniform(1 - share, 1 + share))


def _house(generator: np.random.Generator) -> list[Part]:
    side, eaves = _about(generator, 0.68), _about(generator, -0.05, 1.0)
    door = _about(generator, 0.17)
    place = side * float(generator.uniform(-0.45, 0.0))
    window = _about(generator, 0.16)
    return [
        Part(box(0.3 * side, -0.85, 0.62 * side, -0.1), Paint.DARK),
        Part(box(-side, eaves, side, 0.95), Paint.BODY),
        Part(polygon((-side - 0.22, eaves), (0, -0.95), (side + 0.22, eaves)), Paint.SECOND),
        Part(box(place - door, 0.35, place + door, 0.95), Paint.DARK),
        Part(box(0.5 * side - window, 0.2, 0.5 * side + window, 0.2 + 2 * window), Paint.LIGHT),
    ]


def _fish(generator: np.random.Generator) -> list[Part]:
    height, tail = _about(generator, 0.5, 0.2), _about(generator, 0.5)
    return [
        Part(polygon((0.35, 0), (0.98, -tail), (0.82, 0), (0.98, tail)), Paint.SECOND),
        Part(polygon((-0.3, -0.8 * height), (0.1, -height - 0.28), (0.35, -0.3)), Paint.SECOND),
        Part(ellipse(-0.22, 0, 0.74, height), Paint.BODY),
        Part(polygon((-0.12, 0.05), (0.22, 0.28), (0.18, -0.1)), Paint.SECOND),
        Part(ellipse(-0.6, -0.12, 0.13, 0.13), Paint.LIGHT),
        Part(ellipse(-0.62, -0.12, 0.06, 0.06), Paint.DARK),
    ]


def _flower(generator: np.random.Generator) -> list[Part]:
    petals = int(generator.integers(5, 8))
    reach, first = _about(generator, 0.38, 0.1), float(generator.uniform(0, np.pi))
    parts = [
        Part(box(-0.06, 0.0, 0.06, 0.98), Paint.DARK),
        Part(ellipse(0.26, 0.68, 0.26, 0.1, -0.5), Paint.DARK),
    ]
    for petal in range(petals):
        turn = first + 2 * np.pi * petal / petals
        x, y = reach * np.cos(turn), reach * np.sin(turn) - 0.3
        parts.append(Part(ellipse(x, y, 0.3, 0.95 / petals, turn), Paint.BODY))
    return [*parts, Part(ellipse(0, -0.3, 0.2, 0.2), Paint.SECOND)]


def _tree(generator: np.random.Generator) -> list[Part]:
    parts = [Part(box(-0.12, 0.5, 0.12, 0.98), Paint.DARK)]
    tiers = int(generator.integers(3, 5))
    wide = _about(generator, 0.72)
    for tier in range(tiers):
        bottom = 0.62 - 1.15 * tier / tiers
        half = wide * (1 - 0.72 * tier / tiers)
        top = bottom - 1.6 / tiers - 0.12
        parts.append(Part(polygon((-half, bottom), (0, top), (half, bottom)), Paint.BODY))
        parts.append(
            Part(polygon((-half, bottom), (0, bottom - 0.16), (half, bottom)), Paint.SECOND)
        )
    return parts


def _car(generator: np.random.Generator) -> list[Part]:
    wheel, roof = _about(generator, 0.24), _about(generator, -0.55)
    top = roof + 0.12  # of the windows
    parts = [
        Part(polygon((-0.62, 0), (-0.36, roof), (0.3, roof), (0.62, 0)), Paint.BODY),
        Part(polygon((-0.47, 0), (-0.3, top), (-0.03, top), (-0.03, 0)), Paint.LIGHT),
        Part(polygon((0.06, 0), (0.06, top), (0.24, top), (0.44, 0)), Paint.LIGHT),
        Part(polygon((-0.98, 0.42), (-0.95, 0.02), (0.82, -0.02), (0.98, 0.42)), Paint.BODY),
        Part(box(-0.98, 0.24, 0.98, 0.34), Paint.SECOND),
    ]
    for x in (-0.54, 0.54):
        parts.append(Part(ellipse(x, 0.44, wheel, wheel), Paint.DARK))
        parts.append(Part(ellipse(x, 0.44, 0.45 * wheel, 0.45 * wheel), Paint.LIGHT))
    return parts


def _mushroom(generator: np.random.Generator) -> list[Part]:
    cap, stem = _about(generator, 0.88, 0.1), _about(generator, 0.24)
    foot = [(-stem, -0.05), (stem, -0.05), (1.35 * stem, 0.95), (-1.35 * stem, 0.95)]
    return [
        Part(polygon(*foot), Paint.LIGHT),
        Part(box(-1.5 * stem, 0.16, 1.5 * stem, 0.28), Paint.SECOND),
        Part(ellipse(0, 0.05, cap, _about(generator, 0.92, 0.1), arc=(1, 2)), Paint.BODY),
        Part(ellipse(0, 0.05, cap, 0.1), Paint.BODY),
        Part(ellipse(-0.42 * cap, -0.25, 0.15, 0.13), Paint.SECOND),
        Part(ellipse(0.08, -0.52, 0.17, 0.14), Paint.SECOND),
        Part(ellipse(0.55 * cap, -0.2, 0.12, 0.11), Paint.SECOND),
    ]


def _butterfly(generator: np.random.Generator) -> list[Part]:
    upper, lower = _about(generator, 0.52), _about(generator, 0.4)
    wings = [
        Part(ellipse(0.48, -0.34, upper, 0.34, -0.7), Paint.BODY),
        Part(ellipse(0.4, 0.42, lower, 0.28, 0.8), Paint.SECOND),
        Part(ellipse(0.58, -0.44, 0.17, 0.13, -0.7), Paint.LIGHT),
        Part(ellipse(0.45, 0.47, 0.11, 0.11), Paint.DARK),
    ]
    feeler = polygon((0.02, -0.5), (0.3, -0.95), (0.36, -0.9), (0.07, -0.45))
    return [
        *on_both_sides([*wings, Part(feeler, Paint.DARK)]),
        Part(ellipse(0, 0.05, 0.1, 0.68), Paint.DARK),
    ]


def _cup(generator: np.random.Generator) -> list[Part]:
    top, foot = _about(generator, 0.62, 0.1), _about(generator, 0.44)
    ring, hole = ellipse(0.6, 0.12, 0.38, 0.4), ellipse(0.6, 0.12, 0.2, 0.22)
    walls = [(-top - 0.1, -0.45), (top - 0.1, -0.45), (foot - 0.1, 0.9), (-foot - 0.1, 0.9)]
    # One closed line round both edges: the hole stays open.
    handle = np.concatenate([ring, ring[:1], hole[::-1], hole[-1:]])
    return [
        Part(handle, Paint.SECOND),
        Part(polygon(*walls), Paint.BODY),
        Part(box(-foot - 0.2, 0.86, foot, 0.98), Paint.SECOND),
        Part(ellipse(-0.1, -0.45, top, 0.2), Paint.LIGHT),
        Part(ellipse(-0.1, -0.42, 0.8 * top, 0.13), Paint.DARK),
    ]


def _boat(generator: np.random.Generator) -> list[Part]:
    bow, mast = _about(generator, 0.95, 0.05), float(generator.uniform(-0.15, 0.1))
    return [
        Part(box(mast - 0.05, -0.95, mast + 0.05, 0.5), Paint.DARK),
        Part(polygon((mast + 0.1, -0.9), (0.85, 0.3), (mast + 0.1, 0.3)), Paint.SECOND),
        Part(polygon((mast - 0.1, -0.65), (-0.72, 0.3), (mast - 0.1, 0.3)), Paint.LIGHT),
        Part(polygon((-bow, 0.42), (bow, 0.42), (0.6, 0.95), (-0.66, 0.95)), Paint.BODY),
        Part(polygon((-bow, 0.42), (bow, 0.42), (bow - 0.1, 0.56), (0.1 - bow, 0.56)), Paint.DARK),
    ]


def _cat(generator: np.random.Generator) -> list[Part]:
    wide, eye = _about(generator, 0.78, 0.08), _about(generator, 0.17)
    half = [
        Part(polygon((0.18, -0.45), (0.72, -0.98), (0.82, -0.1)), Paint.BODY),
        Part(polygon((0.4, -0.5), (0.66, -0.8), (0.7, -0.3)), Paint.SECOND),
    ]
    face = [
        Part(ellipse(0.34, 0.0, eye, 0.8 * eye), Paint.LIGHT),
        Part(ellipse(0.34, 0.0, 0.35 * eye, 0.75 * eye), Paint.DARK),
        Part(polygon((0.3, 0.4), (0.98, 0.28), (0.98, 0.35), (0.3, 0.45)), Paint.DARK),
        Part(polygon((0.3, 0.48), (0.95, 0.56), (0.93, 0.63), (0.3, 0.53)), Paint.DARK),
    ]
    return [
        *on_both_sides(half),
        Part(ellipse(0, 0.15, wide, 0.76), Paint.BODY),
        Part(ellipse(0, 0.48, 0.34, 0.26), Paint.SECOND),
        *on_both_sides(face),
        Part(polygon((-0.12, 0.3), (0.12, 0.3), (0, 0.46)), Paint.DARK),
    ]


SHAPES: dict[str, Draw] = {
    "boat": _boat,
    "butterfly": _butterfly,
    "car": _car,
    "cat": _cat,
    "cup": _cup,
    "fish": _fish,
    "flower": _flower,
    "house": _house,
    "mushroom": _mushroom,
    "tree": _tree,
}

CLASSES: tuple[str, ...] = tuple(SHAPES)


def shape_of(label: int, generator: np.random.Generator) -> Sequence[Part]:
    """Draw a thing of a class: its parts, from the hindmost to the foremost.

    Half of them look to the other side.
    """
    parts = SHAPES[CLASSES[label]](generator)
    if generator.random() < 0.5:
        return parts
    return [mirrored(part) for part in parts]
