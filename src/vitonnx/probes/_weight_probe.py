"""What every weight probe is: a name, the weights it reads, and what it makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeVar

from vitonnx.layout import Layout
from vitonnx.probes._arrays import Array

__all__ = ["WeightProbe"]

Result_co = TypeVar("Result_co", covariant=True)


class WeightProbe(Protocol[Result_co]):
    """One question to a model's weights: no picture, and no inference."""

    @property
    def name(self) -> str:
        """The probe's name, as on the command line."""

    def reads(self, layout: Layout) -> tuple[str, ...]:
        """Name the initializers that the probe needs.

        Raises
        ------
        UsageError
            If the model doesn't have what the probe asks for.
        """

    def compute(self, weights: Mapping[str, Array], layout: Layout) -> Result_co:
        """Make the result.

        Parameters
        ----------
        weights : mapping of str to array
            At least what `reads` names.
        layout : Layout
            The model's.
        """
