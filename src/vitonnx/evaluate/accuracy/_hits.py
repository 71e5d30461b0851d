"""How often answers are right, in numbers that merge exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vitonnx.layout import Layout
from vitonnx.probes import Total

__all__ = ["TOP", "Accuracy", "AccuracyQuestion", "Hits", "HitsQuestion", "rank_of"]

TOP = 5


@dataclass(frozen=True, eq=False)
class Hits(Total):
    """Numbers of pictures whose class is the first of the answers, or one of the first five.

    They are whole numbers in doubles, so that they merge to the same bits in any order.

    Parameters
    ----------
    count : int
        Of pictures.
    top1, top5 : float64 (ways,)
        By way of asking: a precision of the network, or a number of neighbours.

    Examples
    --------
    >>> total = Hits.of([0, 3]).merge(Hits.of([1, 7]))
    >>> total.count, total.top1.tolist(), total.top5.tolist()
    (2, [1.0, 0.0], [2.0, 1.0])
    """

    top1: Any = 0.0
    top5: Any = 0.0

    @classmethod
    def of(cls, ranks: Any) -> Self:
        """Count one picture, by how many answers are before its class in each way of asking."""
        ranks = np.asarray(ranks)
        return cls(1, (ranks < 1).astype(np.float64), (ranks < TOP).astype(np.float64))

    def _merged(self, other: Self) -> Self:
        mine, theirs = self.parts(), other.parts()
        sums = {name: mine[name] + theirs[name] for name in mine}
        return self.of_parts(self.count + other.count, sums)


@dataclass(frozen=True, eq=False)
class Accuracy(Hits):
    """Right answers of a model in one precision or several, and how often these agree.

    Parameters
    ----------
    count, top1, top5
        See `Hits`.
    agreement : float64 (precisions,)
        Number of pictures whose first answer is that of the first precision.
    """

    agreement: Any = 0.0

    @classmethod
    def of_logits(cls, logits: NDArray[np.float32], number: int) -> Accuracy:
        """Count one picture.

        Parameters
        ----------
        logits : float32 (precisions, classes)
        number : int
            Its class.
        """
        first = logits.argmax(axis=1)
        hits = Hits.of([rank_of(number, each) for each in logits])
        return cls(1, hits.top1, hits.top5, (first == first[0]).astype(np.float64))


def rank_of(number: int, scores: NDArray[np.floating]) -> int:
    """Count the classes that are before one: of equal scores, the first class is first.

    Examples
    --------
    >>> [rank_of(number, np.array([3.0, 9.0, 3.0])) for number in range(3)]
    [1, 0, 2]
    """
    own = scores[number]
    return int((scores > own).sum() + (scores[:number] == own).sum())


@dataclass(frozen=True)
class HitsQuestion:
    """What is counted of every picture, as a state file knows it.

    Parameters
    ----------
    ways : int
        Of asking.
    """

    total: ClassVar[type[Hits]] = Hits

    ways: int

    def nothing(self, layout: Layout) -> Hits:
        """Give the total of no picture."""
        return self.total()

    def bytes_of(self, layout: Layout) -> int:
        """Give the memory that a total takes."""
        return 8 * self.ways * len(self.total().parts())

    def check(self, total: Hits, layout: Layout) -> None:
        """Raise a ValueError if a total can't be one of this question."""
        for name, part in total.parts().items():
            numbers = np.asarray(part)
            if numbers.shape != (self.ways,):
                raise ValueError(f"{name} of shape {numbers.shape}, not {(self.ways,)}")
            if (numbers != np.round(numbers)).any() or not (
                (numbers >= 0) & (numbers <= total.count)
            ).all():
                raise ValueError(f"{name} that are no numbers of pictures")
        if (np.asarray(total.top1) > np.asarray(total.top5)).any():
            raise ValueError("more first answers that are right than among five")


@dataclass(frozen=True)
class AccuracyQuestion(HitsQuestion):
    """Which class a picture is of, put to a model in one precision or several.

    Parameters
    ----------
    ways : int
        Number of precisions.
    classes : int
        Number of classes.
    """

    name: ClassVar[str] = "accuracy"
    total: ClassVar[type[Hits]] = Accuracy

    classes: int
