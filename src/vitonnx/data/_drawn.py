"""Scenes of one object, drawn when they are read: a dataset that needs no file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vitonnx.data._split import LabelledPictures
from vitonnx.data.scenes import CLASSES, draw_scene, draw_shots
from vitonnx.data.scenes._scene import check_scene

__all__ = ["open_scenes"]

SCENES: Final = "scenes"

TRAINING_SCENES: Final = 10_000
"""Scenes an epoch for training."""

VALIDATION_SCENES: Final = 1_000
"""Scenes for validation, the same in every epoch."""

FAR_AFTER: Final = 160_000
"""Pairs of shots after which things may be farther away. While they fill the picture they are told
apart sooner, but the middle of the picture is always on them: later they must be found, too."""

FAR: Final = 0.35, 0.95  # extents against the side

# The second number of each scene's seed, so that no scene is drawn for both.
TRAINING, VALIDATION = 0, 1


class DrawnSplit:
    """A `Split` of ``count`` scenes an epoch, which every epoch has ``anew`` or not.

    ``seed`` is the start of every scene's seed; epoch and index follow.
    """

    def __init__(self, seed: Sequence[int], count: int, size: int, *, anew: bool) -> None:
        self._seed, self._count, self._sides, self._anew = tuple(seed), count, (size, size), anew

    def __len__(self) -> int:
        return self._count

    def read(
        self, indices: Sequence[int], epoch: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Draw some scenes, as `Split.read` says."""
        pictures = np.empty((len(indices), *self._sides, 3), np.uint8)
        labels = np.empty(len(indices), np.int64)
        for row, index in enumerate(indices):
            scene = draw_scene(self._scene_seed(index, epoch), self._sides, objects=1)
            pictures[row], (labels[row],) = scene.picture, scene.labels
        return pictures, labels

    def read_shots(self, indices: Sequence[int], epoch: int) -> NDArray[np.uint8]:
        """Draw each thing in two scenes, as `Split.read_shots` says."""
        shots = np.empty((2, len(indices), *self._sides, 3), np.uint8)
        extents = FAR if epoch * self._count >= FAR_AFTER else None
        for row, index in enumerate(indices):
            seed = self._scene_seed(index, epoch)
            scenes = draw_shots(seed, self._sides, objects=1, extents=extents)
            shots[0, row], shots[1, row] = (scene.picture for scene in scenes)
        return shots

    def _scene_seed(self, index: int, epoch: int) -> tuple[int, ...]:
        return (*self._seed, epoch if self._anew else 0, int(index))


def open_scenes(size: int, seed: int, pictures: int | None) -> LabelledPictures:
    """Return one-object scenes, drawn anew for training in every epoch; refuse too small a size."""
    check_scene((size, size), objects=1)
    return LabelledPictures(
        name=SCENES,
        classes=tuple(CLASSES),
        train=DrawnSplit((seed, TRAINING), pictures or TRAINING_SCENES, size, anew=True),
        validation=DrawnSplit((seed, VALIDATION), VALIDATION_SCENES, size, anew=False),
    )
