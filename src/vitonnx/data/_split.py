"""Labelled pictures, for training and for validation, however they are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["LabelledPictures", "Split", "StoredSplit"]


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


class StoredSplit:
    """A `Split` of pictures in memory, the same in every epoch.

    Parameters
    ----------
    pictures : uint8 (all, size, size, 3)
        Shared with other splits; it isn't copied.
    labels : int64 (all,)
        The numbers of their classes.
    rows : int64 (pictures of this split,)
        Indices of the pictures that belong to the split.
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
