"""Labelled pictures, however they are kept, and the draw of those for training and validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["LabelledPictures", "Split", "StoredSplit", "draw_evenly", "draw_share"]

VALIDATION_SHARE: Final = 0.1
"""Of the pictures of each class, where a dataset has none of its own for validation."""


class Split(Protocol):
    """Pictures with labels, for training or for validation."""

    def __len__(self) -> int:
        """Count the pictures of an epoch."""
        ...

    def read(
        self, indices: Sequence[int], epoch: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Read some pictures and their labels; threads may do so at the same time.

        Parameters
        ----------
        indices : sequence of int
            Indices of pictures, from 0 to the length of the split.
        epoch : int
            Epoch; matters only where pictures are drawn anew in every epoch.

        Returns
        -------
        uint8 (batch, size, size, 3), int64 (batch,)
            The pictures, in RGB, and the numbers of their classes.
        """
        ...

    def read_shots(self, indices: Sequence[int], epoch: int) -> NDArray[np.uint8]:
        """Read two shots of each thing, as `read` reads one.

        Parameters
        ----------
        indices, epoch
            As in `read`.

        Returns
        -------
        uint8 (2, batch, size, size, 3)
            Of the things in the pictures of `read`: these pictures twice, where there is one of
            each thing.
        """
        ...


class StoredSplit:
    """A `Split` of pictures in memory, the same in every epoch.

    Pictures (all, size, size, 3) and labels are shared with other splits, not copied; the rows are
    those that belong to this one.
    """

    def __init__(
        self, pictures: NDArray[np.uint8], labels: NDArray[np.int64], rows: NDArray[np.int64]
    ) -> None:
        self._pictures, self._labels, self._rows = pictures, labels, rows

    def __len__(self) -> int:
        return len(self._rows)

    def read(
        self, indices: Sequence[int], epoch: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Copy some pictures and their labels, as `Split.read` says."""
        rows = self._rows[np.asarray(indices, np.int64)]
        return self._pictures[rows], self._labels[rows]

    def read_shots(self, indices: Sequence[int], epoch: int) -> NDArray[np.uint8]:
        """Give each picture twice, as `Split.read_shots` says."""
        pictures, _ = self.read(indices, epoch)
        return np.stack([pictures, pictures])


@dataclass(frozen=True, eq=False)
class LabelledPictures:
    """A dataset, ready to train on.

    Parameters
    ----------
    name : str
        ``scenes``, ``CIFAR-10``, or the folder's.
    classes : tuple of str
        Names; a label is a place in it.
    train, validation : Split
        Splits, without common pictures.
    skipped : tuple of str
        A sentence for each file that can't be read, with its name and the reason.
    """

    name: str
    classes: tuple[str, ...]
    train: Split
    validation: Split
    skipped: tuple[str, ...] = ()


def draw_share(labels: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.bool_]:
    """Draw the validation pictures of a dataset, as a mask: of every class the same share.

    It is `VALIDATION_SHARE` of each class, rounded, and at least one picture of each that has two.

    Examples
    --------
    >>> labels = np.array([0] * 20 + [1] * 3 + [2])
    >>> np.bincount(labels[draw_share(labels, np.random.default_rng(0))]).tolist()
    [2, 1]
    """
    counts = np.bincount(labels)
    shares = np.where(counts < 2, 0, np.maximum(1, np.rint(VALIDATION_SHARE * counts)))
    return _places(labels, generator) < shares[labels]


def draw_evenly(
    labels: NDArray[np.int64], count: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Draw so many pictures at most, of every class the same number as long as they last.

    Return their indices, in order.

    Examples
    --------
    >>> labels = np.array([0] * 20 + [1] * 3)
    >>> np.bincount(labels[draw_evenly(labels, 8, np.random.default_rng(0))]).tolist()
    [5, 3]
    """
    return np.sort(np.argsort(_places(labels, generator), kind="stable")[:count])


def _places(labels: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
    """Shuffle each class, and give every picture's place in its own, from 0."""
    shuffled = generator.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    counts = np.bincount(labels)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    places = np.empty(len(labels), np.int64)
    places[by_class] = np.arange(len(labels)) - starts
    return places
