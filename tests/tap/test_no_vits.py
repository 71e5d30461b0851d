"""What is no Vision Transformer is refused, in a sentence and with nothing written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tap.foreign_ways import WAYS
from tap.no_vit_networks import windows_and_one_block
from tap.no_vit_twists import no_nodes
from tap.no_vits import NO_VITS
from tap.tapping import Call, Refused, assert_sentences
from terminal import assert_plain, contents
from vitonnx.errors import ModelFileError
from vitonnx.modelfile import load_manifest
from vitonnx.tap import tap


@pytest.mark.parametrize("kind", NO_VITS)
def test_a_graph_that_is_no_vit(kind: str, refused: Refused) -> None:
    model = NO_VITS[kind]()
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "model.onnx")
    refused("model.onnx", 1, "model")


@pytest.mark.parametrize("kind", ["ResNet", "Swin", "Perceiver of 17 latents", "If"])
def test_python_raises(kind: str, desk: Path) -> None:
    onnx.save(NO_VITS[kind](), "model.onnx")
    before = contents(desk)
    with pytest.raises(ModelFileError) as caught:
        tap(Path("model.onnx"), Path("out.onnx"), preprocess="imagenet")
    assert_plain(str(caught.value))
    assert contents(desk) == before


def test_a_graph_without_nodes(refused: Refused) -> None:
    onnx.save(no_nodes(), "model.onnx")
    refused("model.onnx", 1, "model")


def test_what_is_found_in_part_is_told(call: Call, desk: Path) -> None:
    """One block of two sees the whole picture: refused, or it is said that the other does not."""
    onnx.save(windows_and_one_block(), "model.onnx")
    before = contents(desk)
    outcome = call("tap", "model.onnx", "-o", "out.onnx", "--preprocess", "imagenet")
    if outcome.code:
        assert outcome.code == 1
        assert_sentences(outcome, "model")
        assert contents(desk) == before
    else:
        assert "window" in outcome.out + outcome.err
        assert load_manifest(desk / "out.onnx").blocks == 1


def test_a_grid_that_can_not_be_known(call: Call, desk: Path) -> None:
    """15 patches of a picture of any size: 3 x 5, 5 x 3, 1 x 15 …"""
    model = WAYS["class"].model()
    for place, side in ((2, "height"), (3, "width")):
        model.graph.input[0].type.tensor_type.shape.dim[place].dim_param = side
    onnx.save(model, "model.onnx")
    before = contents(desk)
    outcome = call("tap", "model.onnx", "-o", "out.onnx", "--preprocess", "imagenet")
    assert outcome.code in {1, 2}, outcome
    assert_sentences(outcome, "model")
    assert contents(desk) == before


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["0.qkv", "1.down", "head"])
def test_weights_that_are_no_numbers(name: str, value: float, refused: Refused) -> None:
    vit = replace(WAYS["class"], products="split")
    model, wanted = vit.model(), vit.weights()[name]
    (tensor,) = (
        tensor
        for tensor in model.graph.initializer
        if np.array_equal(numpy_helper.to_array(tensor), wanted)
    )
    changed = wanted.copy()
    changed[3, 5] = value
    tensor.CopyFrom(numpy_helper.from_array(changed, tensor.name))
    onnx.save(model, "model.onnx")
    refused("model.onnx", 1, "model")
