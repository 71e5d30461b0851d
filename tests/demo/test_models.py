"""The models inside the package: where, what, and with random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import vitonnx as vx
from vitonnx.data.scenes import CLASSES, draw_scene
from vitonnx.demo import demo_models, demo_specs, write_untrained
from vitonnx.modelfile import load_manifest, load_weights
from vitonnx.models.train import initial_parameters

MOST_BYTES = 8 * 2**20


def test_they_are_what_their_names_say() -> None:
    engines = {name: vx.Engine(file) for name, file in demo_models().items()}
    assert list(engines) == ["scenes_vit", "scenes_dino"]
    for name, engine in engines.items():
        manifest = engine.manifest
        assert (manifest.name, manifest.size, manifest.patch_size) == (name, (48, 48), 8)
        assert manifest.prefix_tokens == ("cls",)
        assert not manifest.untrained
    assert engines["scenes_vit"].manifest.classes == tuple(CLASSES)
    assert "logits" in engines["scenes_vit"].outputs
    assert "logits" not in engines["scenes_dino"].outputs


def test_they_are_small() -> None:
    assert sum(file.stat().st_size for file in demo_models().values()) <= MOST_BYTES


def test_each_has_a_card() -> None:
    """Which says how it came about, and how good it is."""
    for name, file in demo_models().items():
        card = file.with_suffix(".md").read_text(encoding="utf-8")
        for word in (name, "vitonnx train scenes", "--seed", "Apache-2.0"):
            assert word in card


def test_specs_count_every_parameter() -> None:
    for spec, file in zip(demo_specs(), demo_models().values(), strict=True):
        weights = load_weights(file, list(spec.config.parameters()))
        assert sum(weight.size for weight in weights.values()) == spec.config.count_parameters()
        assert spec.licence == "Apache-2.0"


@pytest.mark.parametrize("name", ["scenes_vit", "scenes_dino"])
def test_random_weights_are_those_that_training_begins_with(name: str, tmp_path: Path) -> None:
    source, target = demo_models()[name], tmp_path / "random.onnx"
    write_untrained(source, target, seed=3)
    (config,) = (spec.config for spec in demo_specs() if spec.name == name)
    expected = initial_parameters(config, 3)
    written = load_weights(target, list(expected))
    kernel = written.pop("patch_embed/kernel")
    for y, x in np.ndindex(8, 8):
        np.testing.assert_array_equal(kernel[:, :, y, x].T, expected["patch_embed/kernel"][y, x])
    for parameter, value in written.items():
        np.testing.assert_array_equal(value, expected[parameter])
    assert load_manifest(target) == load_manifest(source)


def test_random_weights_look_elsewhere(tmp_path: Path) -> None:
    """And other seeds elsewhere again: none of the trained weights is left in the graph."""
    source = demo_models()["scenes_dino"]
    picture = draw_scene(1, (48, 48)).picture
    maps = []
    for seed in (0, 1):
        write_untrained(source, tmp_path / "random.onnx", seed=seed)
        (result,) = vx.Engine(tmp_path / "random.onnx").probe(picture, vx.Heads())
        maps.append(result.attention)
        # All attention that the class token has for patches, nearly evenly spread.
        assert result.attention.sum() == pytest.approx(len(result.attention), rel=0.1)
    assert np.abs(maps[0] - maps[1]).max() > 1e-4
