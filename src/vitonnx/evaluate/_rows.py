"""What an evaluation keeps of every picture: few numbers, which a state file holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitonnx.layout import Layout
from vitonnx.probes import Total

__all__ = ["Question", "Rows"]


@dataclass(frozen=True, eq=False)
class Rows(Total):
    """Numbers of each picture, one after the other, and others that are summed up.

    Parameters
    ----------
    numbers : float64 (pictures, ...)
    sums : float64 (...)
    """

    numbers: Any = 0.0
    sums: Any = 0.0

    @classmethod
    def of(cls, numbers: NDArray[np.float64], sums: Any = 0.0) -> Rows:
        """Give the rows of one picture."""
        return cls(1, numbers[None, ...], sums)

    def _merged(self, other: Rows) -> Rows:
        numbers = np.concatenate([self.numbers, other.numbers])
        return Rows(self.count + other.count, numbers, self.sums + other.sums)


@dataclass(frozen=True)
class Question:
    """What is asked of all pictures, by the shapes of its answers.

    Parameters
    ----------
    pictures : int
        How many there are.
    numbers, sums : tuple of int
        Shapes of what `Rows` holds of one picture, and of all.
    """

    pictures: int
    numbers: tuple[int, ...]
    sums: tuple[int, ...] = ()

    def nothing(self, layout: Layout) -> Rows:
        """Give the rows of no picture."""
        return Rows()

    def bytes_of(self, layout: Layout) -> int:
        """Give the memory that all rows take."""
        return 8 * (self.pictures * int(np.prod(self.numbers)) + int(np.prod(self.sums)))

    def check(self, total: Rows, layout: Layout) -> None:
        """Raise a ValueError if rows are those of another question."""
        expected = (total.count, *self.numbers), self.sums
        shapes = np.shape(total.numbers), np.shape(total.sums)
        if shapes != expected:
            raise ValueError(f"numbers of shape {shapes[0]} and {shapes[1]}, not {expected}")
