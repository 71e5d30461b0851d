"""A tapped file with tokens behind its patches: what it says of itself, and every probe on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import vitonnx as vx
from tap.foreign_vit import ForeignViT
from tap.tapping import ATTENTION, Call, Tapped, done, normalised, photographs, run
from vitonnx.manifest import METADATA_KEY
from vitonnx.modelfile import load_manifest, load_weights
from vitonnx.probes import head_maps, mean_attention_distance, rollout

VIT = ForeignViT(prefix=1, suffix=3)
# Of a few tens of pixels.
PIXELS = 1e-3


@pytest.fixture
def file(tapped: Tapped) -> Path:
    return tapped(VIT)


def metadata(file: Path) -> dict[str, object]:
    (text,) = (each.value for each in onnx.load(file).metadata_props if each.key == METADATA_KEY)
    values: dict[str, object] = json.loads(text)
    return values


def test_the_file_says_what_readers_of_version_1_would_not_know(file: Path, tapped: Tapped) -> None:
    manifest = load_manifest(file)
    assert manifest.suffix_tokens == ("suffix0", "suffix1", "suffix2")
    assert manifest.prefix_tokens == manifest.position_prefix == ("cls",)
    assert manifest.tokens == VIT.tokens
    assert manifest.contract_version == metadata(file)["contract_version"] == 2
    usual = metadata(tapped(ForeignViT()))
    assert usual["contract_version"] == 1
    assert "suffix_tokens" not in usual


def test_the_position_embedding_is_of_prefix_and_patches(file: Path) -> None:
    (found,) = load_weights(file, ["position_embedding"]).values()
    np.testing.assert_array_equal(found, VIT.weights()["positions"][0, : 1 + VIT.patches])


def test_probes_in_the_graph_are_those_of_the_numbers(file: Path) -> None:
    pictures = list(photographs(VIT, 2))
    engine = vx.Engine(file, device="cpu")
    outputs = engine.run(pictures)
    blocks = [outputs[f"block_{block:02}/attention"] for block in range(VIT.blocks)]
    layout: Any = {"grid": VIT.grid, "prefix": 1, "suffix": 3}
    maps = head_maps(blocks[-1], **layout)
    flow = rollout(blocks, query=0)[:, 1 : 1 + VIT.patches]
    distances = [mean_attention_distance(each, patch_size=8, **layout) for each in blocks]
    results = engine.stream(pictures, [vx.Heads(), vx.Rollout(), vx.Distance()])
    for number, result in enumerate(results):
        heads, rolled, distance = (result[name] for name in ("heads", "rollout", "distance"))
        np.testing.assert_allclose(heads.attention, maps[number], atol=ATTENTION)
        np.testing.assert_allclose(rolled.rollout.reshape(-1), flow[number], atol=ATTENTION)
        expected = np.stack([each[number] for each in distances])
        np.testing.assert_allclose(distance.distance, expected, atol=PIXELS)
    for name, token in (("suffix2", VIT.tokens - 1), ("mean", None)):
        (asked, _) = engine.probe(pictures, vx.Heads(query=name))
        expected = head_maps(blocks[-1], query=token, **layout)[0]
        np.testing.assert_allclose(asked.attention, expected, atol=ATTENTION)


def test_all_commands_take_it(file: Path, call: Call) -> None:
    said = call("inspect", file)
    done(said)
    assert "suffix0, suffix1, suffix2" in said.out
    for probe in ("filters", "positions"):
        done(call("probe", probe, file, "-o", f"{probe}.png"))
    done(call("bake", file, "--probe", "rollout", "-o", "baked.onnx"))
    pictures = photographs(VIT, 2)
    answer = VIT.answer(normalised(pictures))
    blocks = [answer[f"block_{block:02}/attention"] for block in range(VIT.blocks)]
    expected = rollout(blocks, query=0)[:, 1 : 1 + VIT.patches].reshape(-1, *VIT.grid)
    found = run(Path("baked.onnx"), images=pictures)["rollout"]
    np.testing.assert_allclose(found, expected, atol=ATTENTION)
