"""What every probe is to the engine: a name, what it reads, and what it makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias, TypeVar, runtime_checkable

from vitonnx.probes._arrays import Array
from vitonnx.probes._layout import Layout

__all__ = ["Crop", "Probe"]

Crop: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom of what the model saw, in pixels of the picture."""

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
