"""What every probe is: a question with a name and options, put to a model's arrays."""

from __future__ import annotations

import functools
import reprlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Generic, Self, TypeAlias, TypeVar

import array_api_compat

from vitonnx.errors import UsageError
from vitonnx.layout import Layout
from vitonnx.probes._arrays import Array
from vitonnx.probes._crop import Crop
from vitonnx.probes._finding import Finding, Table
from vitonnx.probes._option import options_of
from vitonnx.probes._result import Found, PictureResult
from vitonnx.probes._summary import Summary

__all__ = [
    "GraphProbe",
    "Probe",
    "Queries",
    "Question",
    "TableProbe",
    "WeightProbe",
    "no_probe",
]

Queries: TypeAlias = int | Array | None
"""The query token of all pictures, or int64 (batch,), one of each; None where there is none."""

Result = TypeVar("Result", bound=PictureResult)
OfWeights = TypeVar("OfWeights", bound=Found)


class Question(ABC):
    """What questions to pictures and to weights have in common.

    A probe is a frozen dataclass whose fields are its options, each declared with `option`.
    """

    name: ClassVar[str]
    """The probe's name: on the command line, in results, and in file names."""
    help: ClassVar[str] = ""
    """What the command does, in one sentence, verb first."""
    example: ClassVar[str] = ""
    """Options worth showing in an example of the command."""
    gives: ClassVar[type[Finding]]
    """The shape of what is found."""

    def __post_init__(self) -> None:
        """Check the options that say what they allow."""
        for each in options_of(type(self)):
            each.check(getattr(self, each.name))

    @abstractmethod
    def reads(self, layout: Layout) -> tuple[str, ...]:
        """Name the model's outputs, or its weights, that the probe needs.

        Raises
        ------
        UsageError
            If the model doesn't have what the probe asks for.
        """


class Probe(Question, Generic[Result]):
    """One question to a model, asked of any number of pictures.

    The engine calls `reads` once, `token` for every picture, and `compute` for every batch. A probe
    that needs no more than one array for all its results extends `GraphProbe` instead.
    """

    shares: ClassVar[bool] = False
    """Whether the values of its maps are shares of a whole, as attention weights are."""

    def token(self, layout: Layout, crop: Crop) -> int | None:
        """Find the query token of one picture; None where there is none, or no single one.

        Parameters
        ----------
        layout : Layout
            The model's.
        crop : (left, top, right, bottom)
            What the model sees, in pixels of the picture.

        Raises
        ------
        PictureError
            If the query lies outside what the model saw of this picture.
        """
        return None

    @property
    def located(self) -> bool:
        """Whether the query token differs from picture to picture."""
        return False

    @property
    def graph_form(self) -> Self:
        """The probe with only those options that its graph depends on."""
        others = [each for each in options_of(type(self)) if not each.in_graph]
        return replace(self, **{each.name: each.default for each in others})  # type: ignore[type-var]

    def parts(self, layout: Layout) -> tuple[str, ...]:
        """Name the parts of its maps, such as heads; none where a picture has one map."""
        return ()

    @abstractmethod
    def compute(
        self, outputs: Mapping[str, Array], layout: Layout, queries: Sequence[int | None]
    ) -> Sequence[Result]:
        """Make one result for each picture of a batch.

        Parameters
        ----------
        outputs : mapping of str to array
            At least what `reads` names, stacked on batch.
        layout : Layout
            The model's.
        queries : sequence of int or None
            What `token` gave for each picture.
        """


class GraphProbe(Probe[Result]):
    """A probe that is compiled into the graph: its work is one function on plain arrays.

    In a planned graph `condense` has become nodes of the graph, and only what it gives leaves the
    device.
    """

    @abstractmethod
    def condense(self, outputs: Mapping[str, Array], layout: Layout, queries: Queries) -> Array:
        """Boil the outputs down to one array, stacked on batch, that all results are made of.

        Written against the array API standard, and called with arrays that know their shape but
        for the batch, and no values.

        Parameters
        ----------
        outputs : mapping of str to array
            What `reads` names.
        layout : Layout
            The model's.
        queries : int, int64 (batch,) array, or None
            The token that `token` finds: an array where the probe is `located`.
        """

    @abstractmethod
    def result(self, condensed: Array, layout: Layout, query: int | None) -> Result:
        """Make the result of one picture, of its part of what `condense` gives."""

    def results(
        self, condensed: Array, layout: Layout, queries: Sequence[int | None]
    ) -> list[Result]:
        """Make one result for each picture of a batch."""
        if tuple(condensed.shape)[:1] != (len(queries),):
            raise ValueError(
                f"condense gave shape {tuple(condensed.shape)} for {len(queries)} pictures"
            )
        return [
            self.result(condensed[picture, ...], layout, query)
            for picture, query in enumerate(queries)
        ]

    def compute(
        self, outputs: Mapping[str, Array], layout: Layout, queries: Sequence[int | None]
    ) -> list[Result]:
        """Make one result for each picture of a batch, without a graph."""
        tokens = queries[0] if len(set(queries)) == 1 else _stacked(queries, outputs)
        read = {name: outputs[name] for name in self.reads(layout)}
        return self.results(self.condense(read, layout, tokens), layout, queries)


class TableProbe(GraphProbe[Result]):
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


class WeightProbe(Question, Generic[OfWeights]):
    """One question to a model's weights: no picture, and no inference."""

    @abstractmethod
    def compute(self, weights: Mapping[str, Array], layout: Layout) -> OfWeights:
        """Make the result.

        Parameters
        ----------
        weights : mapping of str to array
            At least what `reads` names.
        layout : Layout
            The model's.
        """


def no_probe(given: object, instead: str) -> UsageError:
    """Say what is wrong with what was given as a probe and is none.

    Examples
    --------
    >>> no_probe("heads", "vitonnx.Heads()")
    UsageError("'heads' is not a probe: give an object, such as vitonnx.Heads().")
    """
    if isinstance(given, type):
        return UsageError(f"{given.__name__} is a class: give an instance, {given.__name__}().")
    return UsageError(f"{reprlib.repr(given)} is not a probe: give an object, such as {instead}.")


def _stacked(queries: Sequence[int | None], outputs: Mapping[str, Array]) -> Array:
    """Give the queries as an array beside the outputs."""
    (output, *_) = outputs.values()
    xp = array_api_compat.array_namespace(output)
    return xp.asarray(queries, dtype=xp.int64, device=array_api_compat.device(output))
