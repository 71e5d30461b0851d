"""What the page must answer, found with the engine and without the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from benchmarks.visitors.plans import Asked, Step, plan
from vitonnx.engine import Engine, Prediction, Prepared, predict, prepare
from vitonnx.media import open_picture
from vitonnx.probes import Fusion, Heads, HeadsResult, Probe, Rollout, RolloutResult

__all__ = ["Errand", "Seen", "foresee"]

Outputs: TypeAlias = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Seen:
    """What one model sees in a picture, at one place of the controls."""

    crop: tuple[float, float, float, float]
    prediction: Prediction | None
    heads: HeadsResult
    rollout: RolloutResult


@dataclass(frozen=True)
class Errand:
    """A picture, what is done with it, and what must be answered at each step, by each model."""

    picture: Path
    steps: Sequence[Step]
    answers: Sequence[Mapping[str, Seen]]


def foresee(number: int, picture: Path, engines: Mapping[str, Engine]) -> Errand:
    """Plan what a visitor does with a picture, and find the answers."""
    opened = open_picture(picture)
    blocks = {name: engine.manifest.blocks for name, engine in engines.items()}
    steps = plan(number, (opened.height, opened.width), blocks)
    shown = {
        name: prepare(opened, engine.manifest.preprocessing) for name, engine in engines.items()
    }
    outputs = {
        name: engine.run_pixels(shown[name].pixels[None], engine.outputs)
        for name, engine in engines.items()
    }
    answers = [
        {
            name: _see(engines[name], shown[name], outputs[name], step.asked)
            for name in step.asked.models
        }
        for step in steps
    ]
    return Errand(picture, steps, answers)


def _see(engine: Engine, shown: Prepared, outputs: Outputs, asked: Asked) -> Seen:
    query = {"default": None, "patch": asked.pixel}.get(asked.who, asked.who)
    block = min(asked.block, engine.manifest.blocks - 1)
    heads = Heads(block=block, query=query, mass=asked.mass or None)
    rollout = Rollout(fusion=cast("Fusion", asked.fusion), discard=asked.discard)
    logits = outputs["logits"][0] if "logits" in outputs else None
    return Seen(
        crop=shown.crop,
        prediction=None if logits is None else predict(logits, engine.manifest.classes),
        heads=_compute(heads, engine, shown, outputs),
        rollout=_compute(rollout, engine, shown, outputs),
    )


def _compute(probe: Probe[Any], engine: Engine, shown: Prepared, outputs: Outputs) -> Any:
    read = {name: np.asarray(outputs[name]) for name in probe.reads(engine.layout)}
    (found,) = probe.compute(read, engine.layout, [probe.token(engine.layout, shown.crop)])
    return found
