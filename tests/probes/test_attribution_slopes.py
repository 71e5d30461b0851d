"""The maps of `Attribution` against finite differences in double precision: no autograd at all."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import tiny_models as tiny
import vitonnx as vx
from probes.nudged_models import NudgedModel, likeness, of_class
from vitonnx.export import export_model

# 1, 2, 5 and 0 prefix tokens; heads that read one token, two, one of five, a mean, and both.
READ = {
    "plain": [0],
    "distilled": [0, 1],
    "registers": [0],
    "pooled": [0, 1, 2, 3, 4, 5],
    "dino_linear": [0, 1, 2, 3, 4, 5, 6],
}
ASKED = [
    ("plain", "gradient"),
    *(("distilled", each) for each in ("legrad", "gradient-rollout")),
    *(("registers", each) for each in ("generic", "grad-cam")),
    ("pooled", "gradient-rollout"),
    *(("dino_linear", each) for each in ("legrad", "generic")),
]
SIZE = (16, 24)  # 2 by 3 patches
# Of the map's largest value: single precision against double, and what nudging costs.
TOLERANCE = 1e-5


@dataclass
class Small:
    """A tiny model of two by three patches, and the same in double precision."""

    engine: vx.Engine
    nudged: NudgedModel
    read: list[int]


def open_small(kind: str, folder: Path) -> Small:
    spec, file = tiny.spec(kind), folder / f"{kind}.onnx"
    recipe = replace(spec.preprocessing, size=SIZE, resize=SIZE[0])
    config = replace(spec.config, image_size=SIZE)
    export_model(replace(spec, config=config, preprocessing=recipe), file, weights=3)
    engine = vx.Engine(file, device="cpu", threads=1)
    return Small(engine, NudgedModel(file, engine.layout), READ.get(kind, [0]))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Small]:
    folder = tmp_path_factory.mktemp("small")
    return functools.cache(lambda kind: open_small(kind, folder))


def noise(count: int, seed: int = 5) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, *SIZE, 3), np.uint8)


@pytest.mark.parametrize(("kind", "method"), ASKED)
def test_maps_of_a_class_are_what_nudges_say(
    kind: str, method: Any, small: Callable[[str], Small]
) -> None:
    model, pictures = small(kind), noise(2)
    # Among other pictures, which must not matter.
    (_, found) = model.engine.probe_pixels(pictures, vx.Attribution(method=method, target=4))
    expected = model.nudged.explain(method, pictures[1], of_class(4), model.read)
    largest = np.abs(expected).max()
    assert largest > 1e-3
    assert np.shape(found.attribution) == (2, 3)
    np.testing.assert_allclose(found.attribution, expected, rtol=0, atol=TOLERANCE * largest)


@pytest.mark.parametrize("method", ["legrad"])
def test_maps_of_a_likeness_are_what_nudges_say(
    method: Any, small: Callable[[str], Small], tmp_path: Path
) -> None:
    model, pictures = small("headless"), noise(2)
    Image.fromarray(noise(1, seed=8)[0]).save(tmp_path / "other.png")
    other = model.engine.run([tmp_path / "other.png"])["embedding"][0]
    asked = vx.Attribution(method=method, target=f"embedding:{tmp_path / 'other.png'}")
    (_, found) = model.engine.probe(list(pictures), asked)
    expected = model.nudged.explain(method, np.asarray(found.pixels), likeness(other), model.read)
    largest = np.abs(expected).max()
    assert largest > 1e-5
    np.testing.assert_allclose(found.attribution, expected, rtol=0, atol=TOLERANCE * largest)
