"""What every probe is: a question with a name and options, put to a model's arrays."""

from __future__ import annotations

import reprlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeAlias, TypeVar

import array_api_compat

from vitonnx.errors import UsageError
from vitonnx.layout import Layout
from vitonnx.probes._arrays import Array
from vitonnx.probes._crop import Crop
from vitonnx.probes._finding import Finding
from vitonnx.probes._option import Option, options_of
from vitonnx.probes._result import Found, PictureResult
from vitonnx.probes._total import Total

if TYPE_CHECKING:
    from vitonnx.probes._adding import AddingProbe

__all__ = [
    "GraphProbe",
    "Probe",
    "Queries",
    "Question",
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
    purpose: ClassVar[str] = ""
    """What its figure tells, in one sentence for whoever sees one for the first time."""
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
    in_videos: ClassVar[bool] = True
    """Whether its maps may be asked of every frame of a video."""
    learns: ClassVar[tuple[str, ...]] = ()
    """Names of the arrays that it learns when it is fitted, in the ``.npz`` of its results."""

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

    def advice(self, layout: Layout) -> str | None:
        """Give a sentence that a person should read before the work begins; None for none."""
        return None

    def most_seconds(self, layout: Layout) -> float:
        """Give the seconds that a picture may take; 0 for what nobody notices."""
        return 0.0

    @property
    def fit_source(self) -> str | None:
        """What the probe is to be fitted on, if not on the pictures that are asked.

        An ``.npz`` that holds what was learned before, or pictures: a folder, for instance.
        """
        return None

    def in_video(self) -> Self:
        """Give the probe as all frames of a video are asked: by default, as it is."""
        return self

    @property
    def beside(self) -> tuple[str, ...]:
        """Name small outputs of the file that results hold too, as ``embedding``."""
        return ()

    @property
    def draws(self) -> int:
        """Number of runs with other `drawn` constants whose mean is taken; 0 for a single run."""
        return 0

    def drawn(
        self,
        number: int | None,
        sides: tuple[int, int],
        logits: Array | None,
        constants: Mapping[str, Array],
    ) -> Mapping[str, Array]:
        """Give the constants of one of the `draws`, in place of the probe's own.

        Parameters
        ----------
        number : int or None
            Which; None for the run that isn't averaged, which tells all else.
        sides : (height, width)
            Of the input, in pixels.
        logits : float32 (batch, classes) or None
            What the model says without them.
        constants : mapping of str to array
            The probe's own, which these take the place of.
        """
        return {}

    def without_source(self) -> Self:
        """Give the probe without its `fit_source`, for whoever fits it on that."""
        return self

    def fit_stage(self, layout: Layout) -> AddingProbe[Any, Any] | None:
        """Give the question to put to all pictures before this one; None where there is none.

        See `vitonnx.Engine.fitted`, which asks until there is none.
        """
        return None

    def fit_stages(self, layout: Layout) -> tuple[AddingProbe[Any, Any], ...]:
        """List all that `fit_stage` will ask, one after the other, as it is before any is known."""
        stage = self.fit_stage(layout)
        return () if stage is None else (stage,)

    def learn(self, total: Total, layout: Layout) -> Self:
        """Give a probe that knows what its `fit_stage` came to over all pictures."""
        raise NotImplementedError(f"{type(self).__name__} has a stage, and so must learn")

    def recall(self, arrays: Mapping[str, Array], layout: Layout) -> Self:
        """Give a probe that knows what another learned, from the arrays of its ``.npz``.

        Raises
        ------
        UsageError
            If they are none that this probe has learned.
        """
        raise UsageError(f"{self.name} learns nothing that a file could hold.")

    def learned(self, layout: Layout) -> Mapping[str, Array]:
        """Give the arrays that it learned, by the names of `learns`, as `recall` takes them."""
        return {}

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
            What `reads` and `constants` name.
        layout : Layout
            The model's.
        queries : int, int64 (batch,) array, or None
            The token that `token` finds: an array where the probe is `located`.
        """

    def constants(self, layout: Layout) -> Mapping[str, Array]:
        """Give the arrays, float32, that `condense` needs beside the outputs; none by default.

        They are inputs of the planned graph, so that one graph serves all their values; a baked
        file holds them. Names begin with that of the probe: ``pca/mean``.
        """
        return {}

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

    def carries(self, option: Option) -> bool:
        """Tell whether the constants carry what an option says, so that a baked file has it."""
        return option.constant

    def compared(self, condensed: Array) -> Array:
        """Give the part of what `condense` gives in which any two right computations agree."""
        return condensed

    def difference(self, condensed: Array, expected: Array) -> float:
        """Compare what a graph and NumPy condense, relative to the largest value."""
        condensed, expected = self.compared(condensed), self.compared(expected)
        xp = array_api_compat.array_namespace(condensed)
        error, largest = float(xp.max(xp.abs(condensed - expected))), xp.max(xp.abs(expected))
        return error / float(largest) if float(largest) else error

    def condense_on_host(
        self, outputs: Mapping[str, Array], layout: Layout, queries: Sequence[int | None]
    ) -> Array:
        """Boil the outputs of a batch down without a graph."""
        tokens = queries[0] if len(set(queries)) == 1 else _stacked(queries, outputs)
        read = {name: outputs[name] for name in self.reads(layout)}
        (first, *_) = read.values()
        xp, device = array_api_compat.array_namespace(first), array_api_compat.device(first)
        own = {
            name: xp.asarray(each, device=device) for name, each in self.constants(layout).items()
        }
        return self.condense({**read, **own}, layout, tokens)

    def compute(
        self, outputs: Mapping[str, Array], layout: Layout, queries: Sequence[int | None]
    ) -> list[Result]:
        """Make one result for each picture of a batch, without a graph."""
        return self.results(self.condense_on_host(outputs, layout, queries), layout, queries)


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
