"""Turn the values of the controls into a request for the models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias, TypeVar, cast

from vitonnx.app._visit import Visit
from vitonnx.engine import Engine
from vitonnx.errors import UsageError
from vitonnx.probes import Fusion, Heads, Probe, Rollout

__all__ = ["DEFAULT", "PATCH", "Pixel", "Question", "Questions", "within"]

Asked = TypeVar("Asked", bound=Probe[Any])

DEFAULT: Final = "default"
"""The model's own query looks."""

PATCH: Final = "patch"
"""The patch that was clicked on looks; any other word is a token's name."""

Pixel: TypeAlias = tuple[int, int]
"""Row and column in the picture."""


@dataclass(frozen=True)
class Question:
    """Request of a visitor: both probes of the same models.

    Parameters
    ----------
    models : tuple of str
        Side by side.
    heads, rollout
        The probes.
    """

    models: tuple[str, ...]
    heads: Heads
    rollout: Rollout


class Questions:
    """Reads what visitors ask, and trusts nothing of it.

    Parameters
    ----------
    engines : mapping of str to Engine
        Models that may be chosen.
    most : int
        Largest number of models at a time.
    """

    def __init__(self, engines: Mapping[str, Engine], most: int) -> None:
        self._engines, self._most = engines, most

    def read(
        self,
        visit: Visit | None,
        models: Sequence[str],
        who: str,
        pixel: Pixel | None,
        block: float,
        mass: float,
        fusion: str,
        discard: float,
    ) -> Question:
        """Make a question of the controls' values, in their order.

        Raises
        ------
        UsageError
            If part of it is invalid.
        """
        query = None if who == DEFAULT else who if who != PATCH else pixel or _middle(visit)
        return Question(
            models=self.choose(models),
            heads=Heads(block=int(block), query=query, mass=mass or None),
            rollout=Rollout(fusion=cast("Fusion", fusion), discard=discard),
        )

    def choose(self, models: Sequence[str]) -> tuple[str, ...]:
        """Take names of models, in the page's order.

        Raises
        ------
        UsageError
            If there is none, too many, or one that isn't here.
        """
        there_are = ", ".join(self._engines)
        if not models:
            raise UsageError(f"No model is chosen: choose from {there_are}.")
        if len(models) > self._most:
            raise UsageError(
                f"{len(models)} models are too many to show side by side: choose at most "
                f"{self._most}."
            )
        if unknown := [model for model in models if model not in self._engines]:
            raise UsageError(f"There is no model {unknown[0]!r} here: choose from {there_are}.")
        return tuple(model for model in self._engines if model in models)

    def deepest(self, models: Sequence[str]) -> int:
        """Count the blocks of the deepest of some models."""
        return max(self._engines[model].manifest.blocks for model in models)

    def shallowest(self, models: Sequence[str]) -> int:
        """Count the blocks of the shallowest of some models."""
        return min(self._engines[model].manifest.blocks for model in models)


def within(probe: Asked, blocks: int) -> Asked:
    """Ask a model that is too shallow for a block for its last one."""
    if isinstance(probe, Heads) and probe.block >= blocks:
        return replace(probe, block=-1)
    return probe


def _middle(visit: Visit | None) -> Pixel | None:
    """Return the default pixel, used before any is clicked on."""
    return None if visit is None else (visit.size[0] // 2, visit.size[1] // 2)
