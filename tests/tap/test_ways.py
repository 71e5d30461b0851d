"""A Vision Transformer gives its own maps, in whatever way its graph is written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

import vitonnx as vx
from tap.foreign_vit import ForeignViT
from tap.foreign_ways import PREFIXES, WAYS
from tap.tapping import (
    ATTENTION,
    HALF,
    MEAN,
    STD,
    Call,
    Tapped,
    assert_right,
    done,
    normalised,
    photographs,
    save_outside,
)
from vitonnx.modelfile import load_manifest, load_outline, load_weights
from vitonnx.tap import tap


@pytest.mark.parametrize("vit", WAYS.values(), ids=WAYS)
def test_a_vit_gives_its_own_maps(vit: ForeignViT, tapped: Tapped) -> None:
    file = tapped(vit)
    onnx.checker.check_model(file, full_check=True)
    assert_right(file, vit, 1)
    # A graph for one picture may stay one.
    if vit.batch is None or load_outline(file).inputs["images"].shape[0] is None:
        assert_right(file, vit, 3)


@pytest.mark.parametrize("vit", PREFIXES.values(), ids=PREFIXES)
def test_the_manifest_says_what_the_graph_is(vit: ForeignViT, tapped: Tapped) -> None:
    file = tapped(vit)
    manifest = load_manifest(file)
    assert manifest.contract_version == 1
    assert (manifest.grid, manifest.size) == (vit.grid, vit.size)
    assert (manifest.blocks, manifest.heads, manifest.dim) == (vit.blocks, vit.heads, vit.dim)
    assert len(manifest.prefix_tokens) == vit.prefix
    assert len(set(manifest.prefix_tokens)) == vit.prefix
    assert (manifest.preprocessing.mean, manifest.preprocessing.std) == (MEAN, STD)
    assert manifest.preprocessing.size == vit.size
    assert not manifest.untrained
    assert manifest.source.file == "model.onnx"


@pytest.mark.parametrize("vit", PREFIXES.values(), ids=PREFIXES)
def test_the_weights_are_those_of_the_original(vit: ForeignViT, tapped: Tapped) -> None:
    file, own = tapped(vit), vit.weights()
    manifest = load_manifest(file)
    assert manifest.position_grid == vit.grid
    assert manifest.position_prefix == manifest.prefix_tokens[: vit.placed]
    found = load_weights(file, ["patch_embed/kernel", "position_embedding"])
    np.testing.assert_array_equal(found["patch_embed/kernel"], own["patch"])
    np.testing.assert_array_equal(found["position_embedding"], own["positions"][0])


# Of each way: a probe of pictures, one that is baked, and one of weights. Every probe is asked of
# several ways, and no way is asked all.
ASKED = {
    "no prefix": ("heads", "rollout", "filters"),
    "class": ("rollout", "distance", "positions"),
    "distilled": ("distance", "heads", "filters"),
    "registers": ("heads", "rollout", "positions"),
    "a batch of one": ("rollout", "heads", "filters"),
    "a batch of one, folded": ("distance", "rollout", "positions"),
    "fp16": ("rollout", "heads", "filters"),
    "fp16 weights": ("heads", "distance", "positions"),
}


@pytest.mark.parametrize("way", ASKED)
def test_all_commands_work_on_a_tapped_file(way: str, call: Call, tapped: Tapped) -> None:
    vit, (probe, baked, of_weights) = WAYS[way], ASKED[way]
    file = tapped(vit)
    noise = np.random.default_rng(3).integers(0, 256, (2, 120, 200, 3), np.uint8)
    for number, pixels in enumerate(noise):
        Image.fromarray(pixels).save(f"{number}.png")
    said = call("inspect", file)
    done(said)
    assert f"{vit.grid[0]} x {vit.grid[1]} patches" in said.out
    done(call("probe", probe, file, "0.png", "1.png", "-o", f"{probe}.png"))
    with Image.open(f"{probe}.png") as drawn:
        assert min(drawn.size) > 99
    done(call("bake", file, "--probe", baked, "-o", f"{baked}.onnx"))
    done(call("probe", of_weights, file, "-o", f"{of_weights}.png"))
    engine = vx.Engine(file, device="cpu")
    pictures = photographs(vit, 2)
    attention = engine.run_pixels(pictures, ["block_01/attention"])["block_01/attention"]
    expected = vit.answer(normalised(pictures))["block_01/attention"]
    np.testing.assert_allclose(attention, expected, atol=HALF if way == "fp16" else ATTENTION)


def test_the_means_of_half_are_half(call: Call, desk: Path) -> None:
    vit = WAYS["class"]
    onnx.save(vit.model(), "model.onnx")
    done(call("tap", "model.onnx", "-o", "out.onnx", "--preprocess", "half"))
    assert_right(desk / "out.onnx", vit, 3, mean=(0.5,) * 3, std=(0.5,) * 3)


@pytest.mark.parametrize("beside", [True, False], ids=["beside the file", "named"])
def test_a_hugging_face_config_says_mean_and_std(beside: bool, call: Call, desk: Path) -> None:
    vit, mean, std = WAYS["class"], (0.1, 0.2, 0.3), (0.7, 0.6, 0.5)
    recipe = {
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": mean,
        "image_processor_type": "ViTImageProcessor",
        "image_std": std,
        "resample": 2,
        "rescale_factor": 1 / 255,
        "size": {"height": 24, "width": 40},
    }
    onnx.save(vit.model(), "model.onnx")
    name = "preprocessor_config.json" if beside else "other.json"
    (desk / name).write_text(json.dumps(recipe))
    words = [] if beside else ["--preprocess", f"hf:{name}"]
    done(call("tap", "model.onnx", "-o", "out.onnx", *words))
    assert load_manifest(desk / "out.onnx").preprocessing.mean == mean
    assert_right(desk / "out.onnx", vit, 3, mean, std)


def test_names_that_the_contract_has_for_other_things(call: Call, desk: Path) -> None:
    """Nothing is called as the contract calls it, but for what is something else."""
    vit = WAYS["class"]
    model = vit.model()
    first, second = (node.output[0] for node in model.graph.node if node.op_type == "Softmax")
    embedded = next(node.output[0] for node in model.graph.node if node.op_type == "Conv")
    matrix = next(node.input[1] for node in model.graph.node if node.op_type == "MatMul")
    rename(
        model,
        {
            "pixels": "images",
            "scores": "block_00/tokens",
            first: "block_01/attention",
            second: "block_00/attention",
            embedded: "logits",
            matrix: "position_embedding",
        },
    )
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "model.onnx")
    done(call("tap", "model.onnx", "-o", "out.onnx", "--preprocess", "imagenet"))
    assert_right(desk / "out.onnx", vit, 3)
    (positions,) = load_weights(desk / "out.onnx", ["position_embedding"]).values()
    np.testing.assert_array_equal(positions, vit.weights()["positions"][0])


def rename(model: onnx.ModelProto, names: dict[str, str]) -> None:
    for node in model.graph.node:
        for values in (node.input, node.output):
            values[:] = [names.get(name, name) for name in values]
    for value in (*model.graph.input, *model.graph.output):
        value.name = names.get(value.name, value.name)
    for tensor in model.graph.initializer:
        tensor.name = names.get(tensor.name, tensor.name)


@pytest.mark.parametrize("location", ["weights.bin", "below/weights.bin"])
def test_weights_beside_the_file(location: str, call: Call, desk: Path) -> None:
    vit = WAYS["class"]
    (desk / "below").mkdir()
    save_outside(vit.model(), desk / "model.onnx", location)
    done(call("tap", "model.onnx", "-o", "out.onnx", "--preprocess", "imagenet"))
    assert_right(desk / "out.onnx", vit, 3)


def test_python_says_what_it_found(desk: Path) -> None:
    onnx.save(WAYS["class"].model(), "model.onnx")
    assert tap(Path("model.onnx"), Path("out.onnx"), preprocess="imagenet") is not None
    assert_right(desk / "out.onnx", WAYS["class"], 3)
