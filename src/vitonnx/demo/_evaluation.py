"""Results of evaluating the models inside the package."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from vitonnx.demo._demo_models import FOLDER
from vitonnx.evaluate import Estimate
from vitonnx.media import atomic_path

__all__ = ["Evaluation", "Measure", "Outline", "stored_evaluation"]


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
class Outline:
    """How well the attention of a block outlines objects; see `vitonnx.demo.saliency`.

    Parameters
    ----------
    model : str
    block : int
    saliency, control, gain : Estimate
        Overlap with the scene's own object, with those of other scenes, and the difference.
    """

    model: str
    block: int
    saliency: Estimate
    control: Estimate
    gain: Estimate

    @classmethod
    def load(cls, stored: dict[str, Any]) -> Self:
        """Read it from the fields of its JSON."""
        numbers = {name: Estimate(**stored[name]) for name in ("saliency", "control", "gain")}
        return cls(model=stored["model"], block=stored["block"], **numbers)


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
    outlines : tuple of Outline
        For each model the last block, which the paper takes, and the one of the largest gain,
        where that is another.
    maps : dict of str to dict of str to Estimate
        How faithful maps are to the supervised model, by map and measure: see `evaluate_maps`.
    """

    scenes: int
    known: int
    models: dict[str, str]
    measures: tuple[Measure, ...]
    outlines: tuple[Outline, ...]
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
        stored["outlines"] = tuple(Outline.load(outline) for outline in stored["outlines"])
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
