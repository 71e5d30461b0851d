"""What every probe is to the engine: a name, what it reads, and what it makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias, TypeVar, runtime_checkable

from vitonnx.layout import Layout
from vitonnx.probes._arrays import Array
from vitonnx.probes._crop import Crop

__all__ = ["GraphProbe", "Probe", "Queries"]

Queries: TypeAlias = int | Array | None
"""The query token of all pictures, or int64 (batch,), one of each; None where there is none."""

Result_co = TypeVar("Result_co", covariant=True)


@runtime_checkable
class Probe(Protocol[Result_co]):
    """One question to a model, asked of any number of pictures.

    The engine calls `reads` once, `token` for every picture, and `compute` for every batch.
    """

    @property
    def name(self) -> str:
        """The probe's name, as on the command line."""

    def reads(self, layout: Layout) -> tuple[str, ...]:
        """Name the model's outputs that the probe needs.

        Raises
        ------
        UsageError
            If the model doesn't have what the probe asks for.
        """

    def token(self, layout: Layout, crop: Crop) -> int | None:
        """Find the query token of one picture; None is the mean over the patches.

        Raises
        ------
        PictureError
            If the query lies outside what the model saw of this picture.
        """

    def compute(
        self, outputs: Mapping[str, Array], layout: Layout, queries: Sequence[int | None]
    ) -> Sequence[Result_co]:
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


@runtime_checkable
class GraphProbe(Probe[Result_co], Protocol[Result_co]):
    """A probe that can be compiled into the graph: its work is one function on plain arrays.

    `compute` is `condense`, then `results`. In a planned graph `condense` has become nodes of the
    graph, and only what it gives leaves the device.
    """

    @property
    def located(self) -> bool:
        """Whether the query token differs from picture to picture."""

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

    def results(
        self, condensed: Array, layout: Layout, queries: Sequence[int | None]
    ) -> Sequence[Result_co]:
        """Make one result for each picture of a batch."""
