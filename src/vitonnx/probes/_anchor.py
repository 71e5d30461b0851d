"""What one picture gives to compare others with, and an output of the first picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from vitonnx.contract import LOGITS
from vitonnx.layout import Layout
from vitonnx.probes._adding import AddingProbe
from vitonnx.probes._arrays import Array
from vitonnx.probes._finding import Finding, Maps
from vitonnx.probes._probe import Queries
from vitonnx.probes._result import PictureResult
from vitonnx.probes._total import Total

__all__ = ["Anchor", "FirstOutput"]


@dataclass(frozen=True, eq=False)
class Anchor(Total):
    """A vector of the first picture: the query's token, or an output.

    Parameters
    ----------
    count : int
        Of pictures that it was sought in; the first counts.
    vector : float32 (dim,)
        Its numbers.
    patch : (row, column) or None
        Where it is, where it is a patch's.
    file : str
        The picture.
    """

    vector: Array = 0.0
    patch: tuple[int, int] | None = None
    file: str = ""

    def _merged(self, other: Anchor) -> Anchor:
        return replace(self, count=self.count + other.count)


@dataclass(frozen=True, eq=False, kw_only=True)
class OutputResult(PictureResult):
    """An output of one picture, float32 (dim,)."""

    vector: Array

    @property
    def finding(self) -> Maps:
        """Its numbers, in a row."""
        return Maps(values=self.vector[None, None, :], labels=("output",), unit="value")


@dataclass(frozen=True)
class FirstOutput(AddingProbe[OutputResult, Anchor]):
    """The logits of the first picture, or its embedding.

    Parameters
    ----------
    output : str
        Which output.
    """

    name: ClassVar[str] = "first_output"
    gives = Maps
    first_only: ClassVar[bool] = True

    output: str = LOGITS

    def reads(self, layout: Layout) -> tuple[str, ...]:
        """Name the one output."""
        return (self.output,)

    def condense(self, outputs: Mapping[str, Array], layout: Layout, queries: Queries) -> Array:
        """Give the output as it is."""
        return outputs[self.output] + 0.0  # a graph can't have one output twice

    def result(self, condensed: Array, layout: Layout, query: int | None) -> OutputResult:
        """Make the result of one picture, of its (dim,)."""
        return OutputResult(vector=condensed)

    def summary(self, results: Sequence[OutputResult] = ()) -> Anchor:
        """Take the first."""
        if not results:
            return Anchor()
        return Anchor(len(results), results[0].vector, None, results[0].file)

    def finding_of(self, total: Anchor, layout: Layout) -> Finding:
        """Give its numbers, in a row."""
        return Maps(values=total.vector[None, None, :], labels=("output",), unit="value")
