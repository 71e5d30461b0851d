"""Steps of a recipe that reach the graph, and what is said behind a recipe's name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

import vitonnx as vx
from recipes import slopes
from tap.foreign_vit import ForeignViT
from tap.tapping import Call, Refused, done, normalised, photographs, relative_error, run
from vitonnx.manifest import Padding
from vitonnx.modelfile import load_manifest

VIT = ForeignViT(grid=(3, 5), prefix=2, patch=7)


@pytest.fixture
def model(desk: Path) -> str:
    onnx.save(VIT.model(), "model.onnx")
    return "model.onnx"


def test_blue_first_is_the_graphs_own_work(model: str, call: Call, desk: Path) -> None:
    """Pictures stay RGB, mean and deviation are of red, green and blue, and kernels are theirs."""
    words = "0.1,0.5,0.9,0.2,0.3,0.4"
    done(call("tap", model, "-o", "bgr.onnx", "--preprocess", f"{words},bgr"))
    done(call("tap", model, "-o", "rgb.onnx", "--preprocess", words))
    pictures = photographs(VIT, 2)
    pixels = normalised(pictures, (0.1, 0.5, 0.9), (0.2, 0.3, 0.4))
    found = run(desk / "bgr.onnx", images=pictures)
    expected = VIT.answer(pixels[:, ::-1])
    for name in ("logits", "block_00/attention", "block_01/tokens"):
        assert relative_error(found[name], expected[name]) < 1e-5  # single precision
    assert relative_error(found["logits"], VIT.answer(pixels)["logits"]) > 1e-2
    kernels = [
        next(
            onnx.numpy_helper.to_array(each)
            for each in onnx.load(file).graph.initializer
            if each.name == "patch_embed/kernel"
        )
        for file in ("bgr.onnx", "rgb.onnx")
    ]
    np.testing.assert_array_equal(kernels[0], kernels[1])
    bgr, rgb = (
        vx.probe_weights(file, vx.Filters(count=3, components=3))
        for file in ("bgr.onnx", "rgb.onnx")
    )
    np.testing.assert_array_equal(bgr.filters, rgb.filters[..., ::-1])
    assert load_manifest(desk / "bgr.onnx").contract_version == 2
    assert load_manifest(desk / "rgb.onnx").contract_version == 1


@pytest.mark.parametrize("uint8", [False, True])
def test_blue_first_in_a_file_beside(uint8: bool, model: str, call: Call, desk: Path) -> None:
    if uint8:
        # The graph casts, and normalises itself.
        graph = onnx.load(model)
        graph.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.UINT8
        cast = onnx.helper.make_node("Cast", ["pixels"], ["single"], to=1)
        for node in graph.graph.node:
            node.input[:] = ["single" if name == "pixels" else name for name in node.input]
        graph.graph.node.insert(0, cast)
        onnx.save(graph, model)
    side = {"height": VIT.size[0], "width": VIT.size[1]}
    recipe = {"image_processor_type": "LayoutLMv2ImageProcessor", "size": side}
    (desk / "preprocessor_config.json").write_text(json.dumps(recipe))
    done(call("tap", model, "-o", "out.onnx"))
    pictures = photographs(VIT, 2)
    pixels = pictures.transpose(0, 3, 1, 2)[:, ::-1].astype(
        np.float64
    )  # neither scaled nor shifted
    found = run(desk / "out.onnx", images=pictures)
    # Pixels from 0 to 255 make large scores: single precision keeps less of their softmax.
    assert relative_error(found["block_00/tokens"], VIT.answer(pixels)["block_00/tokens"]) < 1e-3


MEAN = (124, 116, 104)


@pytest.mark.parametrize(
    ("words", "padding"),
    [
        ("imagenet,pad", Padding(colour=MEAN)),
        ("imagenet,pad,end", Padding(colour=MEAN, place="end")),
        ("imagenet,end,pad=114", Padding(colour=(114, 114, 114), place="end")),
        ("0.5,0.25,pad=#0A141E", Padding(colour=(10, 20, 30))),
        ("timm:vit_tiny_patch16_224.augreg_in21k_ft_in1k,pad", Padding(colour=(128, 128, 128))),
        ("hf:a,pad.json,pad=0", Padding(colour=(0, 0, 0))),
        ("imagenet,squash", None),
    ],
)
def test_what_is_said_behind_a_recipe(
    words: str, padding: Padding | None, model: str, call: Call, desk: Path
) -> None:
    (desk / "a,pad.json").write_text(json.dumps({"image_mean": [0.3] * 3, "image_std": [0.2] * 3}))
    done(call("tap", model, "-o", "out.onnx", "--preprocess", words))
    manifest = load_manifest(desk / "out.onnx")
    recipe = manifest.preprocessing
    assert (recipe.resize, recipe.crop, recipe.padding) == (None, 1, padding)
    assert (recipe.size, manifest.contract_version) == (VIT.size, 1 if padding is None else 2)
    (result,) = vx.Engine("out.onnx", device="cpu").probe(slopes(35, 211), vx.Rollout())
    assert result.inside[3] - result.inside[1] < (1.01 if padding is None else 0.3)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("imagenet,pad=256", "0 to 255"),
        ("imagenet,pad=", "0 to 255"),
        ("imagenet,pad=#12345", "#RRGGBB"),
        ("imagenet,end", ",pad,end"),
        ("imagenet,pad,squash", "either pad or squash"),
        ("imagenet,pad,pad=3", "once"),
        ("imagenet,padding", "pad=GREY"),
        ("pad", "pad=GREY"),
        ("imagent,pad", "imagent"),
    ],
)
def test_what_can_not_stand_behind_a_recipe(
    words: str, named: str, vit_file: str, refused: Refused
) -> None:
    refused(vit_file, 2, "--preprocess", named, words=f"--preprocess {words}")


def test_what_a_file_beside_has_and_vitonnx_has_not(
    vit_file: str, refused: Refused, desk: Path
) -> None:
    recipe = {"image_processor_type": "YolosImageProcessor"}
    (desk / "preprocessor_config.json").write_text(json.dumps(recipe))
    refused(vit_file, 2, "preprocessor_config.json", "its own size", "--preprocess", words="")
