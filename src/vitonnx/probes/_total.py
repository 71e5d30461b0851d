"""What results come to over many pictures, whoever counted which of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, Self

from vitonnx.probes._arrays import Array

__all__ = ["Total"]


@dataclass(frozen=True, eq=False)
class Total(ABC):
    """Sums over pictures, which can be merged: one pass, flat memory, any number of workers.

    The fields of a class that extends it are numbers and arrays of doubles, each with the default
    that it has of no picture.

    Parameters
    ----------
    count : int
        Of pictures.
    """

    count: int = 0

    def merge(self, other: Self) -> Self:
        """Sum up the pictures of both."""
        if not self.count or not other.count:
            return self if self.count else other
        return self._merged(other)

    @abstractmethod
    def _merged(self, other: Self) -> Self:
        """Sum up the pictures of both, of which there are some."""

    def parts(self) -> dict[str, Array | float]:
        """Give all but the count, by name, as a file keeps them."""
        return {
            entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name != "count"
        }

    @classmethod
    def of_parts(cls, count: int, parts: dict[str, Any]) -> Self:
        """Make one again of what `parts` gave."""
        return cls(count, **parts)
