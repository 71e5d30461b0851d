"""Probes whose results add up over a dataset: to a table, a histogram, or what pictures share."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Generic, Never, Self, TypeVar

from vitonnx.errors import UsageError
from vitonnx.layout import Layout
from vitonnx.probes._arrays import Array
from vitonnx.probes._finding import Finding, Table
from vitonnx.probes._probe import GraphProbe
from vitonnx.probes._result import PictureResult
from vitonnx.probes._summary import Summary
from vitonnx.probes._total import Total

__all__ = ["AddingProbe", "PairProbe", "SumProbe", "TableProbe"]

Result = TypeVar("Result", bound=PictureResult)
Sums = TypeVar("Sums", bound=Total)

ROUNDING = 1e-3  # of attention in 16 bits, whose rows don't quite sum to 1


class AddingProbe(GraphProbe[Result], Generic[Result, Sums]):
    """A probe with totals: what it finds in pictures adds up, in any parts and in any order."""

    first_only: ClassVar[bool] = False
    """Whether the first picture alone counts."""

    @abstractmethod
    def summary(self, results: Sequence[Result] = ()) -> Sums:
        """Sum up results: of no picture by default, to begin with."""

    @abstractmethod
    def finding_of(self, total: Sums, layout: Layout) -> Finding:
        """Give the finding of a total.

        Raises
        ------
        UsageError
            If it is of too few pictures.
        """

    def nothing(self, layout: Layout) -> Sums:
        """Give the total of no picture, of the kind that this model's totals are."""
        return self.summary()

    def bytes_of(self, layout: Layout) -> int:
        """Give the memory that a total takes, where that is much."""
        return 0

    def check(self, total: Sums, layout: Layout) -> None:
        """Raise a ValueError, with what is wrong, if a total can't be one of this probe."""


class SumProbe(AddingProbe[PictureResult, Sums]):
    """A probe that finds nothing in one picture: the graph gives the sums of a batch.

    `condense` gives (1, ...) for all pictures of a batch together.
    """

    @abstractmethod
    def total(self, condensed: Array, pictures: int, layout: Layout) -> Sums:
        """Give what pictures of one batch come to, of what `condense` gives for them."""

    def narrowed(self, blocks: Iterable[int]) -> Self:
        """Give the probe of some blocks alone.

        Raises
        ------
        UsageError
            If it is of no blocks.
        """
        raise UsageError(f"{self.name} has no blocks to choose: leave --block out.")

    def between(self, one: Layout, other: Layout) -> PairProbe[Sums]:
        """Give the question to two models together, whose pictures are the same.

        Raises
        ------
        UsageError
            If it can't be put to two, or not to these.
        """
        raise UsageError(f"{self.name} compares no models: ask one at a time.")

    def result(self, condensed: Array, layout: Layout, query: int | None) -> Never:
        """Raise a UsageError: there is none of one picture."""
        raise self.refusal

    @property
    def refusal(self) -> UsageError:
        """What to say to whoever asks for the result of one picture."""
        return UsageError(
            f"{self.name} finds nothing in a single picture: take the total of many, with "
            f"engine.total(pictures, {type(self).__name__}())."
        )


class PairProbe(ABC, Generic[Sums]):
    """A question to two models together: each is asked `part` of the same pictures.

    Attributes
    ----------
    part : GraphProbe
        What both are asked of every picture.
    """

    part: GraphProbe[Any]

    def advice(self) -> str | None:
        """Give a sentence that a person should read before the work begins; None for none."""
        return None

    @abstractmethod
    def total(self, one: Sequence[Any], other: Sequence[Any]) -> Sums:
        """Give what both models' results of `part` come to, of the same pictures."""

    @abstractmethod
    def finding_of(self, total: Sums, one: str, other: str) -> Finding:
        """Give the finding of a total; the models are called so.

        Raises
        ------
        UsageError
            If it is of too few pictures.
        """

    @abstractmethod
    def nothing(self, layout: Layout) -> Sums:
        """Give the total of no picture."""

    @abstractmethod
    def bytes_of(self, layout: Layout) -> int:
        """Give the memory that a total takes."""

    @abstractmethod
    def check(self, total: Sums, layout: Layout) -> None:
        """Raise a ValueError, with what is wrong, if a total can't be one of this question."""


class TableProbe(AddingProbe[Result, Summary]):
    """A probe of one value for every head of every block, which adds up over a dataset.

    `condense` gives (batch, blocks, heads).
    """

    gives = Table
    unit: ClassVar[str]
    """What is measured, and in what."""
    title: ClassVar[str]
    """What is measured, as a heading."""

    def reads(self, layout: Layout) -> tuple[str, ...]:
        """Name the outputs that are read: the attention of all blocks."""
        return tuple(layout.attention(block) for block in range(layout.blocks))

    @property
    def details(self) -> tuple[str, ...]:
        """How it is measured, in words, where that is not as usual."""
        return ()

    @abstractmethod
    def largest(self, layout: Layout) -> float:
        """Give the largest value that there can be; the least is 0."""

    def shape(self, layout: Layout) -> tuple[int, int]:
        """Give the shape of a summary: (blocks, heads)."""
        return layout.blocks, layout.heads

    def summary(self, results: Sequence[Result] = ()) -> Summary:
        """Sum up results: of no picture by default, to begin with."""
        parts = (Summary.of(self.values_of(result)) for result in results)
        return functools.reduce(Summary.merge, parts, Summary())

    def values_of(self, result: Result) -> Array:
        """Give the array of a result that adds up: its only one, or that of the probe's name."""
        arrays = result.arrays()
        if len(arrays) > 1 and self.name in arrays:
            return arrays[self.name]
        (only,) = arrays.values()
        return only

    def finding_of(self, total: Summary, layout: Layout) -> Table:
        """Give the table of a summary."""
        return self.table(total)

    def table(self, summary: Summary) -> Table:
        """Give the finding of a summary."""
        return Table(
            values=summary.mean,
            std=summary.std,
            count=summary.count,
            unit=self.unit,
            title=self.title,
            details=self.details,
        )

    def check(self, total: Summary, layout: Layout) -> None:
        """Raise a ValueError if a summary holds what no pictures come to."""
        shape, largest = self.shape(layout), self.largest(layout)
        for numbers in (total.mean, total.squares):
            sides = tuple(getattr(numbers, "shape", ()))
            if sides != shape:
                raise ValueError(f"numbers of shape {sides} instead of {shape}")
        refuse_beyond("means", total.mean, largest, slack=ROUNDING * largest)
        # Nothing deviates by more than that from its mean.
        refuse_beyond("squares", total.squares, total.count * ((1 + ROUNDING) * largest) ** 2)


def refuse_beyond(what: str, numbers: Array, largest: float, slack: float = 0.0) -> None:
    """Raise a ValueError for values below zero or above the largest."""
    least, most = float(numbers.min()), float(numbers.max())
    if least < -slack or most > largest + slack:
        raise ValueError(f"{what} from {least:g} to {most:g}, where 0 to {largest:g} can be")
