"""Baked files for programs that aren't vitonnx, and what vitonnx finds itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import vitonnx as vx
from vitonnx.demo import demo_models

# Another runtime's kernels sum in another order: of an output's largest magnitude, WebGPU comes to
# 1e-6. A wrong patch, or a wrong pixel, is off by much more.
TOLERANCE = 1e-4

RESULTS = {"heads": "attention", "rollout": "rollout", "distance": "distance"}


@dataclass(frozen=True)
class Recipe:
    """What is baked, at what size."""

    model: str
    size: tuple[int, int]
    probes: tuple[vx.Heads | vx.Rollout | vx.Distance, ...]
    logits: bool

    @property
    def source(self) -> Path:
        return demo_models()[self.model]


RECIPES = {
    "square": Recipe("scenes_vit", (48, 48), (vx.Heads(), vx.Rollout()), logits=True),
    "wide": Recipe("scenes_vit", (40, 56), (vx.Heads(), vx.Rollout()), logits=True),
    "tall, and no rollout, but float64": Recipe(
        "scenes_dino", (88, 56), (vx.Heads(), vx.Distance()), logits=False
    ),
}


@dataclass(frozen=True)
class Baked:
    """A baked file, a picture just as large as its input, and what vitonnx finds in it."""

    recipe: Recipe
    model: Path
    picture: Path
    expected: Mapping[str, NDArray[Any]]

    def check(self, found: Mapping[str, Any]) -> None:
        """Compare what a program wrote: nested lists by name, and nothing else."""
        assert found.keys() == self.expected.keys()
        for name, values in self.expected.items():
            array = np.asarray(found[name])
            assert array.shape == values.shape, name
            error = np.abs(array - values).max() / np.abs(values).max()
            assert error <= TOLERANCE, f"{name} is off by {error:.1e} of its largest value"


def make(recipe: Recipe, folder: Path) -> Baked:
    """Bake a file, draw a picture, and look at it by the probes in NumPy."""
    model, picture = folder / "model.onnx", folder / "noise.png"
    engine = vx.Engine(recipe.source, size=recipe.size, device="cpu", in_graph=False)
    vx.bake(engine, recipe.probes, model, logits=recipe.logits)
    pixels = np.random.default_rng(5).integers(0, 256, (*recipe.size, 3), np.uint8)
    Image.fromarray(pixels).save(picture)

    [result] = engine.stream([pixels], recipe.probes)
    expected = {
        probe.name: np.asarray(getattr(result[probe.name], RESULTS[probe.name]))
        for probe in recipe.probes
    }
    if recipe.logits:
        expected["logits"] = engine.run([pixels])["logits"][0]
    return Baked(recipe, model, picture, expected)
