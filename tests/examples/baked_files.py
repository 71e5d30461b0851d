"""Baked files for programs that aren't vitonnx, and what vitonnx finds itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
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

RESULTS = {
    "heads": "attention",
    "rollout": "rollout",
    "distance": "distance",
    "attribution": "attribution",
}


@dataclass(frozen=True)
class Recipe:
    """What is baked, at what size."""

    model: str
    size: tuple[int, int]
    probes: tuple[vx.Heads | vx.Rollout | vx.Distance | vx.Attribution, ...]
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
    "asked about a class": Recipe(
        "scenes_vit",
        (40, 56),
        (vx.Heads(), vx.Attribution(method="generic", target="input")),
        logits=True,
    ),
}


@dataclass(frozen=True)
class Baked:
    """A baked file, a picture just as large as its input, and what vitonnx finds in it."""

    recipe: Recipe
    model: Path
    picture: Path
    expected: Mapping[str, NDArray[Any]]

    def check(self, found: Mapping[str, Any], target: int | None = None) -> None:
        """Compare what a program wrote, of a class: nested lists by name, and nothing else."""
        expected = self.expected if target is None else look(self.recipe, self.picture, target)
        assert found.keys() == expected.keys()
        for name, values in expected.items():
            array = np.asarray(found[name])
            assert array.shape == values.shape, name
            error = np.abs(array - values).max() / np.abs(values).max()
            assert error <= TOLERANCE, f"{name} is off by {error:.1e} of its largest value"


def make(recipe: Recipe, folder: Path) -> Baked:
    """Bake a file, and draw a picture."""
    model, picture = folder / "model.onnx", folder / "noise.png"
    vx.bake(open_source(recipe), recipe.probes, model, logits=recipe.logits)
    pixels = np.random.default_rng(5).integers(0, 256, (*recipe.size, 3), np.uint8)
    Image.fromarray(pixels).save(picture)
    return Baked(recipe, model, picture, look(recipe, picture))


def open_source(recipe: Recipe) -> vx.Engine:
    return vx.Engine(recipe.source, size=recipe.size, device="cpu", in_graph=False)


def look(recipe: Recipe, picture: Path, target: int | None = None) -> dict[str, NDArray[Any]]:
    """Look at a picture by the probes in NumPy; at a class, or else at the likeliest."""
    engine, pixels = open_source(recipe), np.asarray(Image.open(picture))
    probes = [
        replace(probe, target=target) if isinstance(probe, vx.Attribution) else probe
        for probe in recipe.probes
    ]
    [result] = engine.stream([pixels], probes)
    found = {
        probe.name: np.asarray(getattr(result[probe.name], RESULTS[probe.name])) for probe in probes
    }
    return found | ({"logits": engine.run([pixels])["logits"][0]} if recipe.logits else {})
