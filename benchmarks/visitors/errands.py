"""What visitors ask of a picture, the same in every run, and what must be answered."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.visitor import Answer
from vitonnx.engine import Engine, Prediction, Prepared
from vitonnx.media import open_picture
from vitonnx.probes import read_probe

__all__ = ["Errand", "MixedError", "Question", "foresee"]

# Of the largest value: a graph adds up in another order than NumPy.
ROUNDING = 1e-4
RARE = ("pca", "similarity", "norms", "lens", "distance", "entropy", "attribution")


class MixedError(Exception):
    """The answer is not the one that belongs to the question."""


@dataclass(frozen=True)
class Question:
    """What one model is asked, in the words of the command line, and the arrays that are true."""

    model: str
    probe: str
    options: Mapping[str, str]
    true: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def check(self, answer: Answer) -> None:
        """Raise a MixedError unless this is the answer."""
        _, arrays = answer
        if arrays.keys() != self.true.keys():
            raise MixedError(f"{self.probe}: {[*arrays]} instead of {[*self.true]}")
        for name, true in self.true.items():
            _near(f"{name} of {self.probe}", arrays[name], true)


@dataclass(frozen=True)
class Errand:
    """A picture, what models see in it, and what is asked of it."""

    picture: Path
    shown: Mapping[str, Prepared]
    predictions: Mapping[str, Prediction | None]
    questions: Sequence[Question]

    def check(self, seen: Mapping[str, Any]) -> None:
        """Raise a MixedError unless the picture was seen as it must be."""
        if seen["name"] != self.picture.name or seen["models"].keys() != self.shown.keys():
            raise MixedError(f"{seen['name']} instead of {self.picture.name}")
        for model, said in seen["models"].items():
            _near("the crop", said["crop"], self.shown[model].crop)
            best = self.predictions[model]
            if best is not None:
                _near("the share of the best class", said["classes"][0]["share"], best.probability)


def foresee(number: int, picture: Path, engines: Mapping[str, Engine]) -> Errand:
    """Plan what a visitor asks of a picture, and find the answers without the page."""
    opened = open_picture(picture)
    size = (opened.height, opened.width)
    questions, predictions = [], {}
    for asked in _questions(random.Random(number), size, engines):
        engine, probe = engines[asked.model], read_probe(asked.probe, dict(asked.options))
        (found,) = engine.probe([opened], probe)  # type: ignore[arg-type]
        predictions[asked.model] = found.prediction
        true = {name: np.asarray(array) for name, array in found.arrays().items()}
        questions.append(Question(asked.model, asked.probe, asked.options, true))
    shown = {name: engine.prepare(opened) for name, engine in engines.items()}
    return Errand(picture, shown, predictions, questions)


def _questions(
    draw: random.Random, size: tuple[int, int], engines: Mapping[str, Engine]
) -> Iterator[Question]:
    """Ask every model at the start, and then one or the other as it comes to mind."""
    models = list(engines)
    for model in models:
        yield Question(model, "heads", {})
    for _ in range(4):
        model = draw.choice(models)
        block = draw.randrange(engines[model].layout.blocks)
        yield Question(model, "heads", {"block": f"{block}", "mass": f"{draw.uniform(0.1, 1):.2f}"})
    for _ in range(2):
        yield Question(draw.choice(models), "heads", {"query": _pixel(draw, size)})
    fusion = draw.choice(("mean", "max", "min"))
    yield Question(draw.choice(models), "rollout", {"fusion": fusion})
    probe, model = draw.choice(RARE), draw.choice(models)
    if engines[model].manifest.classes or probe not in ("lens", "attribution"):
        yield Question(model, probe, {"query": _pixel(draw, size)} if probe == "similarity" else {})


def _pixel(draw: random.Random, size: tuple[int, int]) -> str:
    """Choose a pixel that every model sees: a crop leaves an eighth of the short side away."""
    reach = 0.4 * min(size)
    y, x = (int(side / 2 + draw.uniform(-reach, reach)) for side in size)
    return f"{y},{x}"


def _near(what: str, found: Any, true: Any) -> None:
    if np.shape(found) != np.shape(true):
        raise MixedError(f"{what}: of shape {np.shape(found)} instead of {np.shape(true)}")
    found, true = np.asarray(found, float), np.asarray(true, float)
    farthest, allowed = np.abs(found - true).max(), ROUNDING * np.abs(true).max() + 1e-6
    if not farthest <= allowed:
        raise MixedError(f"{what}: off by {farthest:.2g}, where {allowed:.2g} is rounding")
