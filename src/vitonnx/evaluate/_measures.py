"""What is measured of a map, and whether more of it is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from vitonnx.evaluate._curves import AREAS
from vitonnx.evaluate._segmentation import SCORES

__all__ = ["BY_CURVES", "BY_MASKS", "MEASURES", "Measured"]


@dataclass(frozen=True)
class Measured:
    """A column of the table.

    Parameters
    ----------
    name : str
    higher : bool
        Whether higher is better.
    needs_class : bool
        Whether it is of the predicted class, which a model without head doesn't have.
    """

    name: str
    higher: bool
    needs_class: bool = False

    @property
    def heading(self) -> str:
        """The name, with an arrow that points to what is better."""
        return f"{self.name} {'↑' if self.higher else '↓'}"


BY_CURVES: Final = tuple(
    Measured(name, higher, needs_class)
    for name, higher, needs_class in zip(
        AREAS, (False, True, False, True), (False, False, True, True), strict=True
    )
)
BY_MASKS: Final = tuple(Measured(name, higher=True) for name in SCORES)
MEASURES: Final = {each.name: each for each in (*BY_CURVES, *BY_MASKS)}
