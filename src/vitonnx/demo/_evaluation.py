"""Results of evaluating the models inside the package."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from vitonnx.demo._demo_models import FOLDER
from vitonnx.evaluate import Estimate
from vitonnx.media import atomic_path

__all__ = ["Evaluation", "Measure", "stored_evaluation"]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One measure, with its goal.

    Parameters
    ----------
    name : str
        Name of the measure and of the model.
    value : float
        Mean over the scenes, from 0 to 1.
    low, high : float
        Limits of the 95 % bootstrap interval.
    goal, required : float or None
        Desired and required value; None if there is none.
    met : bool or None
        Whether it has what it takes.
    """

    name: str
    value: float
    low: float
    high: float
    goal: float | None = None
    required: float | None = None
    met: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """All measures of an evaluation.

    Parameters
    ----------
    scenes : int
        Number of scenes measured on.
    known : int
        Number of labelled scenes for the nearest neighbours.
    models : dict of str to str
        The models' names, and the SHA-256 of their files.
    measures : tuple of Measure
    maps : dict of str to dict of str to Estimate
        How faithful maps are to the supervised model, by map and measure: see `evaluate_maps`.
    """

    scenes: int
    known: int
    models: dict[str, str]
    measures: tuple[Measure, ...]
    maps: dict[str, dict[str, Estimate]] = field(default_factory=dict)

    def measure(self, name: str) -> Measure:
        """Find a measure by its name."""
        return next(measure for measure in self.measures if measure.name == name)

    def save(self, path: Path) -> None:
        """Write it as JSON, whole or not at all."""
        with atomic_path(path) as passing:
            passing.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        stored = json.loads(path.read_text(encoding="utf-8"))
        stored["measures"] = tuple(Measure(**measure) for measure in stored["measures"])
        stored["maps"] = {
            name: {each: Estimate(**numbers) for each, numbers in measures.items()}
            for name, measures in stored["maps"].items()
        }
        return cls(**stored)


def stored_evaluation() -> Evaluation:
    """Read the evaluation stored beside the models in the package.

    `vitonnx demo --evaluate` measures again.
    """
    return Evaluation.load(FOLDER / "evaluation.json")
