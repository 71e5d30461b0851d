"""A short video of things that move."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np

from vitonnx.data.scenes._ground import draw_ground
from vitonnx.data.scenes._scene import Scene, check_scene, compose, place_things
from vitonnx.errors import UsageError

__all__ = ["draw_video"]

ROUND = 100  # frames after which a thing is where it was
SWAY = np.deg2rad(20)
DRIFT = 0.15  # how far the ground moves to both sides, against the shorter side


def draw_video(
    seed: int | Sequence[int],
    frames: int,
    size: tuple[int, int] = (64, 64),
    objects: int | None = None,
) -> Iterator[Scene]:
    """Draw a video: things that wander and sway over a ground that drifts.

    Parameters
    ----------
    seed : int or sequence of int
        The same seed gives the same video.
    frames : int
        Number of frames.
    size : (height, width)
        Size in pixels, at least 16.
    objects : int or None
        1 to 3; None draws how many.

    Yields
    ------
    Scene
        A frame; the objects are the same in all.

    Raises
    ------
    UsageError
        If the size is too small, or there are no frames, or no such number of objects.

    Examples
    --------
    >>> [scene.picture.shape for scene in draw_video(3, frames=2, size=(32, 48))]
    [(32, 48, 3), (32, 48, 3)]
    """
    check_scene(size, objects)
    if frames < 1:
        raise UsageError(f"frames is {frames}; it must be at least 1.")
    return _frames(seed, frames, size, objects)


def _frames(
    seed: int | Sequence[int], frames: int, size: tuple[int, int], objects: int | None
) -> Iterator[Scene]:
    generator = np.random.default_rng(seed)
    height, width = size
    reach = DRIFT * min(size)
    margin = int(np.ceil(reach)) + 1
    wide = draw_ground(generator, (height + 2 * margin, width + 2 * margin))
    still = place_things(generator, wide[margin:-margin, margin:-margin], objects)
    phases = generator.uniform(0, 2 * np.pi, (len(still.things), 3))
    turns = generator.choice((-1, 1), len(still.things))
    for frame in range(frames):
        time = 2 * np.pi * frame / ROUND
        across, down = reach * np.sin(time) - margin, reach * np.cos(time) - margin
        shift = np.array([[1, 0, across], [0, 1, down]])
        ground = cv2.warpAffine(wide, shift, (width, height), flags=cv2.INTER_LINEAR)
        poses = []
        for pose, (across, down, sway), turn in zip(still.poses, phases, turns, strict=True):
            room_x, room_y = width - 2 * pose.extent, height - 2 * pose.extent
            poses.append(
                replace(
                    pose,
                    x=pose.extent + room_x * 0.5 * (1 + np.sin(across + turn * time)),
                    y=pose.extent + room_y * 0.5 * (1 + np.sin(down + turn * time)),
                    turn=SWAY * np.sin(sway + 2 * time),
                )
            )
        yield compose(np.asarray(ground, np.float32), replace(still, poses=poses))
