"""The maps of `Attribution` against finite differences in double precision: no autograd at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import tiny_models as tiny
import vitonnx as vx
from probes.nudged_models import NudgedModel, likeness, of_class
from vitonnx.export import export_model

METHODS = ("legrad", "generic", "gradient-rollout", "grad-cam", "gradient")
# 1, 2, 5 and 0 prefix tokens; a head that reads one token, two, one of five, a mean, and both.
KINDS = {
    "plain": [0],
    "distilled": [0, 1],
    "registers": [0],
    "pooled": [0, 1, 2, 3, 4, 5],
    "dino_linear": [0, 1, 2, 3, 4, 5, 6],
}
SIZE = (16, 24)  # 2 by 3 patches


@pytest.fixture(scope="module", params=KINDS)
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model of two by three patches, whose heads are more unlike than drawn ones are."""
    kind = request.param
    file = tmp_path_factory.mktemp(kind) / f"{kind}.onnx"
    spec = tiny.spec(kind)
    recipe = replace(spec.preprocessing, size=SIZE, resize=SIZE[0])
    config = replace(spec.config, image_size=SIZE)
    export_model(replace(spec, config=config, preprocessing=recipe), file, weights=3)
    return file


def noise(count: int, size: tuple[int, int] = SIZE, seed: int = 5) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, *size, 3), np.uint8)


@pytest.mark.parametrize("method", METHODS)
def test_maps_are_what_nudges_say(small: Path, method: str) -> None:
    engine = vx.Engine(small, device="cpu", threads=1)
    nudged, pictures = NudgedModel(small, engine.layout), noise(2)
    classes = (4, 9)
    found = engine.probe_pixels(pictures, vx.Attribution(method=method, target=classes))
    rows = KINDS[small.stem]
    for place, number in enumerate(classes):
        expected = nudged.explain(method, pictures[1], of_class(number), rows)
        largest = np.abs(expected).max()
        got = np.asarray(found[1].attribution)[place]
        print("ERR", method, small.stem, largest, np.abs(got - expected).max() / largest)
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-4 * largest)
