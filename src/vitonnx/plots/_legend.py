"""Which classes have colours: the most frequent of all that a figure or a video shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self, TypeAlias

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

__all__ = ["Legend", "Line"]

MOST = 8

# Matplotlib's usual colours, the last of them grey, which all other classes have.
COLOURS = mpl.colormaps["tab10"]([0, 1, 2, 3, 4, 6, 9, 5, 7])[:, :3]

Classes: TypeAlias = NDArray[np.integer]
Names: TypeAlias = tuple[str, ...] | None
Line: TypeAlias = tuple[str, tuple[float, float, float]]
"""Words, and the colour that they explain."""


@dataclass(frozen=True)
class Legend:
    """The classes that have a colour, and what share of the patches each has.

    Parameters
    ----------
    classes : tuple of (index, name)
        The most frequent first. Both together say which class it is: models know others.
    shares : tuple of float
        Of each.
    known : tuple of str or None
        Names of all classes of the model whose maps are drawn, where known.
    """

    classes: tuple[tuple[int, str], ...]
    shares: tuple[float, ...]
    known: Names = None

    @classmethod
    def of_models(cls, models: Iterable[tuple[Iterable[Classes], Names]]) -> list[Self]:
        """Count the classes of several models' maps together: one legend, that each can read.

        Examples
        --------
        >>> legend, _ = Legend.of_models([([np.array([7, 7, 3])], None), ([np.array([7])], None)])
        >>> [words for words, _ in legend.lines()]
        ['class 7 75%', 'class 3 25%']
        >>> legend.ranks(np.array([3, 7, 5]))
        array([1, 0, 8], dtype=uint8)
        """
        counts: Counter[tuple[int, str]] = Counter()
        all_known = []
        for maps, known in models:
            all_known.append(known)
            for values in maps:
                found, times = np.unique(values, return_counts=True)
                for index, count in zip(found.tolist(), times.tolist(), strict=True):
                    counts[index, _name(index, known)] += count
        frequent, total = counts.most_common(MOST), counts.total()
        classes = tuple(each for each, _ in frequent)
        shares = tuple(count / total for _, count in frequent)
        return [cls(classes, shares, known) for known in all_known]

    def ranks(self, values: Classes) -> NDArray[np.uint8]:
        """Give each class its row of `COLOURS`."""
        ranks = np.full(values.shape, MOST, np.uint8)
        for rank, (index, name) in enumerate(self.classes):
            if name == _name(index, self.known):
                ranks[values == index] = rank
        return ranks

    def lines(self) -> tuple[Line, ...]:
        """Say what each colour means."""
        named = [(name, share) for (_, name), share in zip(self.classes, self.shares, strict=True)]
        if (others := 1 - sum(self.shares)) > 1e-9:
            named.append(("other classes", others))
        return tuple(
            (f"{name} {share:.0%}" if share >= 0.005 else f"{name} <1%", tuple(colour.tolist()))
            for (name, share), colour in zip(named, COLOURS, strict=False)
        )


def _name(index: int, known: Names) -> str:
    """Name a class, by its index where it has no name."""
    return known[index] if known and 0 <= index < len(known) else f"class {index}"
