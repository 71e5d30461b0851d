"""A scene: ground, objects, and bars that hide parts of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vitonnx.data.scenes._colours import draw_colours
from vitonnx.data.scenes._ground import draw_ground
from vitonnx.data.scenes._kinds import CLASSES
from vitonnx.data.scenes._thing import Pose, Thing, draw_thing
from vitonnx.errors import UsageError

__all__ = [
    "Composition",
    "Scene",
    "check_scene",
    "compose",
    "draw_scene",
    "draw_shots",
    "place_things",
]

SMALLEST = 16
# Extent of things against the shorter side, by how many there are.
EXTENTS = {1: (0.6, 0.95), 2: (0.4, 0.58), 3: (0.34, 0.46)}
LARGEST_TURN = np.deg2rad(30)
HIDDEN_SHARE = 0.2  # of the scenes in which something lies over each thing
TRIES = 12
BAR = 1.2  # half the length of what lies over a thing, against the thing's half extent


@dataclass(frozen=True, eq=False)
class Scene:
    """Picture with its labels and masks.

    Parameters
    ----------
    picture : uint8 (height, width, 3)
        RGB.
    masks : bool (objects, height, width)
        Pixels more than half covered by an object, minus those hidden by anything over it.
    labels : int64 (objects,)
        Places in `CLASSES`.
    """

    picture: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Cover:
    """Bar over an object, in the object's own coordinates."""

    x: float
    y: float
    turn: float
    thickness: float
    colour: NDArray[np.float32]


@dataclass(frozen=True)
class Composition:
    """Objects, their poses, and their covers (or None), from back to front."""

    things: Sequence[Thing]
    poses: Sequence[Pose]
    covers: Sequence[Cover | None]


def draw_scene(
    seed: int | Sequence[int], size: tuple[int, int] = (64, 64), objects: int | None = None
) -> Scene:
    """Draw a scene.

    Parameters
    ----------
    seed : int or sequence of int
        The same seed gives the same scene.
    size : (height, width)
        Size in pixels, at least 16; the drawing scales with the shorter side.
    objects : int or None
        1 to 3; None draws how many.

    Returns
    -------
    Scene

    Raises
    ------
    UsageError
        If the size is too small, or the number of objects is out of range.

    Examples
    --------
    >>> scene = draw_scene(7, size=(48, 64), objects=2)
    >>> scene.picture.shape, scene.masks.shape, [CLASSES[label] for label in scene.labels]
    ((48, 64, 3), (2, 48, 64), ['house', 'cup'])
    """
    check_scene(size, objects)
    generator = np.random.default_rng(seed)
    ground = draw_ground(generator, size)
    return compose(ground, place_things(generator, ground, objects))


def draw_shots(
    seed: int | Sequence[int],
    size: tuple[int, int] = (64, 64),
    objects: int | None = None,
    *,
    extents: tuple[float, float] | None = None,
) -> tuple[Scene, Scene]:
    """Draw two scenes of the same objects: at other places, in other poses, on other grounds.

    Parameters and errors are those of `draw_scene`, whose scene of this seed comes first.

    Parameters
    ----------
    seed, size, objects
        See `draw_scene`.
    extents : (float, float), optional
        Least and largest extent of the objects against the shorter side; by default, as
        `draw_scene` has them for so many.

    Examples
    --------
    >>> first, second = draw_shots(7, size=(48, 64), objects=2)
    >>> [CLASSES[label] for label in second.labels]
    ['house', 'cup']
    >>> (first.picture == draw_scene(7, size=(48, 64), objects=2).picture).all()
    np.True_
    """
    check_scene(size, objects)
    generator = np.random.default_rng(seed)
    ground = draw_ground(generator, size)
    first = place_things(generator, ground, objects, extents=extents)
    other_ground = draw_ground(generator, size)
    count = len(first.things)
    second = place_things(generator, other_ground, count, first.things, extents=extents)
    return compose(ground, first), compose(other_ground, second)


def check_scene(size: tuple[int, int], objects: int | None) -> None:
    """Refuse a size on which nothing can be told, and a number of objects that none has."""
    if min(size) < SMALLEST:
        raise UsageError(
            f"a scene of {size[0]}x{size[1]} is too small: each side must be at least "
            f"{SMALLEST} pixels."
        )
    if objects not in (None, *EXTENTS):
        raise UsageError(f"objects is {objects}; a scene has 1, 2 or 3, or None to draw it.")


def place_things(
    generator: np.random.Generator,
    ground: NDArray[np.float32],
    objects: int | None,
    shown: Sequence[Thing] | None = None,
    *,
    extents: tuple[float, float] | None = None,
) -> Composition:
    """Draw things, and where they are on a ground: inside it, and apart from each other.

    Things that are already drawn are `shown` as they are.
    """
    count = int(generator.integers(1, 4)) if objects is None else objects
    height, width = ground.shape[:2]
    mean = ground.mean(axis=(0, 1))
    things: list[Thing] = []
    poses: list[Pose] = []
    covers: list[Cover | None] = []
    for number in range(count):
        extent = min(height, width) * generator.uniform(*(extents or EXTENTS[count])) / 2
        turn = generator.uniform(-LARGEST_TURN, LARGEST_TURN)
        room = np.array([width, height]) - 2 * extent
        places = extent + generator.random((TRIES, 2)) * room
        apart = np.full(TRIES, np.inf)
        for pose in poses:
            apart = np.minimum(apart, np.hypot(pose.x - places[:, 0], pose.y - places[:, 1]))
        x, y = places[apart.argmax()]
        if shown is None:
            things.append(Thing.draw(generator, int(generator.integers(len(CLASSES))), mean))
        else:
            things.append(shown[number])
        poses.append(Pose(float(x), float(y), float(extent), float(turn)))
        covers.append(_draw_cover(generator) if generator.random() < HIDDEN_SHARE else None)
    return Composition(things, poses, covers)


def _draw_cover(generator: np.random.Generator) -> Cover:
    return Cover(
        x=float(generator.uniform(-0.6, 0.6)),
        y=float(generator.uniform(-0.6, 0.6)),
        turn=float(generator.uniform(0, np.pi)),
        thickness=float(generator.uniform(0.12, 0.28)),
        colour=draw_colours(generator, 1)[0],
    )


def compose(ground: NDArray[np.float32], composition: Composition) -> Scene:
    """Put things on a ground."""
    size = (ground.shape[0], ground.shape[1])
    picture = ground.copy()
    covers = np.zeros((len(composition.things), *size), np.float32)
    for index, (thing, pose, over) in enumerate(
        zip(composition.things, composition.poses, composition.covers, strict=True)
    ):
        window, colour, cover = draw_thing(thing, pose, size)
        picture[window] = picture[window] * (1 - cover[..., None]) + colour
        covers[:index, *window] *= 1 - cover
        covers[index, *window] = cover
        if over is not None:
            hidden = _draw_bar(over, pose, size)
            picture = picture * (1 - hidden[..., None]) + hidden[..., None] * over.colour
            covers[: index + 1] *= 1 - hidden
    return Scene(
        picture=np.round(picture).astype(np.uint8),
        masks=covers > 0.5,
        labels=np.array([thing.label for thing in composition.things], np.int64),
    )


def _draw_bar(over: Cover, pose: Pose, size: tuple[int, int]) -> NDArray[np.float32]:
    """Draw a bar over an object: float32 (height, width), the covered share of each pixel."""
    along = np.array([np.cos(over.turn), np.sin(over.turn)])
    aside = np.array([-along[1], along[0]]) * over.thickness / 2
    middle = np.array([over.x, over.y])
    corners = [
        middle + sign * along + side * aside
        for sign, side in ((-BAR, -1), (BAR, -1), (BAR, 1), (-BAR, 1))
    ]
    points = np.array([pose.x, pose.y]) + pose.extent * np.array(corners)
    cover = np.zeros(size, np.uint8)
    cv2.fillPoly(cover, [np.round((points - 0.5) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return cover.astype(np.float32) / np.float32(255)
