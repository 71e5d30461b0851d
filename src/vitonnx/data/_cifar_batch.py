"""Content of a CIFAR-10 file, in either form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vitonnx.data._archive import Member, damaged

__all__ = ["CLASSES", "LONGEST_NAMES", "PIXELS", "Batch", "check_names", "make_batch"]

CLASSES: Final = 10
SIDE: Final = 32
PIXELS: Final = 3 * SIDE * SIDE
LONGEST_NAMES: Final = 2**16
"""Bytes of a file of names: CIFAR-10's have 158 and 61."""
LONGEST_NAME: Final = 100
"""Letters of a class's name: CIFAR-10's longest, automobile, has ten."""


class Batch(NamedTuple):
    """Pictures uint8 (pictures, 32, 32, 3) and labels int64 (pictures,)."""

    pictures: NDArray[np.uint8]
    labels: NDArray[np.int64]


def make_batch(member: Member, pixels: NDArray[np.uint8], labels: Sequence[object]) -> Batch:
    """Make a batch of rows of pixels.

    Parameters
    ----------
    member : Member
        Member of the archive, for messages.
    pixels : uint8 (pictures, 3072)
        All of red, then green, then blue, each row by row.
    labels : sequence (pictures,)
        Whole numbers from 0 to 9.

    Returns
    -------
    Batch

    Raises
    ------
    DataError
        If there are no pictures, or a label is something else.
    """
    if len(labels) == 0:
        raise damaged(member.path, f"{member.name} holds no pictures")
    numbers = [label for label in labels if isinstance(label, int) and 0 <= label < CLASSES]
    if len(numbers) < len(labels):
        raise damaged(member.path, f"{member.name} has labels outside 0 to {CLASSES - 1}")
    pictures = pixels.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return Batch(pictures, np.array(numbers, np.int64))


def check_names(member: Member, names: Sequence[str]) -> tuple[str, ...]:
    """Take the names of the ten classes, or say that they aren't ten."""
    proper = all(0 < len(name) <= LONGEST_NAME for name in names[: CLASSES + 1])
    if len(names) != CLASSES or len(set(names)) != CLASSES or not proper:
        raise damaged(member.path, f"{member.name} doesn't name {CLASSES} classes")
    return tuple(names)
