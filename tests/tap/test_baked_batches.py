"""Graphs that say they take any batch, and were traced with ``len(x)``: only one runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tap.foreign_sketch import Sketch
from tap.foreign_vit import ForeignViT
from tap.no_vit_parts import DIM, HEADS, PATCHES, classified, patches
from tap.tapping import (
    ATTENTION,
    TOKENS,
    Call,
    Tapped,
    done,
    normalised,
    photographs,
    relative_error,
)
from tap.tapping import run as run_all
from vitonnx.modelfile import load_manifest, load_outline


@pytest.mark.parametrize(
    ("prefix", "batched", "batch"),
    [(0, False, 5), (1, False, 2), (1, True, 1), (1, True, 5), (5, False, 1), (5, False, 5)],
)
def test_a_baked_batch_is_opened(prefix: int, batched: bool, batch: int, tapped: Tapped) -> None:
    vit = ForeignViT(
        prefix=prefix,
        batched=batched,
        readout="token" if prefix else "mean",
        batch=batch,
        said_open=True,
    )
    assert_opened(tapped(vit), vit)


@pytest.mark.parametrize(
    ("prefix", "batched", "batch"), [(1, True, 5), (2, False, 1), (2, False, 5), (5, True, 1)]
)
def test_a_prefix_token_alone_is_baked(
    prefix: int, batched: bool, batch: int, call: Call, desk: Path
) -> None:
    """``token.expand(len(x), -1, -1)``: all else goes with the batch."""
    vit = ForeignViT(prefix=prefix, batched=batched)
    model = vit.model()
    for number, node in enumerate(node for node in model.graph.node if node.op_type == "Expand"):
        tokens = vit.placed if number == 0 else vit.prefix - vit.placed
        name, sides = f"sides_{number}", np.array([batch, tokens, vit.dim])
        model.graph.initializer.append(numpy_helper.from_array(sides, name))
        node.input[1] = name
    onnx.save(model, "model.onnx")
    done(call("tap", "model.onnx", "-o", "out.onnx", "--preprocess", "imagenet"))
    assert_opened(desk / "out.onnx", vit)


def assert_opened(file: Path, vit: ForeignViT) -> None:
    assert load_outline(file).inputs["images"].shape[0] is None
    pictures = photographs(vit, 3)
    found, expected = run_all(file, images=pictures), vit.answer(normalised(pictures))
    for name, values in expected.items():
        if name.endswith("attention"):
            np.testing.assert_allclose(found[name], values, atol=ATTENTION)
        else:
            assert relative_error(found[name], values) <= TOKENS, name


def test_a_graph_that_takes_all_pictures_for_one_is_given_one(call: Call, desk: Path) -> None:
    """It runs with two pictures: all patches of both look at each other."""
    sketch = Sketch(batch=1)
    x = sketch.reshape(patches(sketch), 1, -1, DIM)
    for _ in range(2):
        x = sketch.block(x, DIM, HEADS)
    onnx.save(classified(sketch, x), "model.onnx")
    done(call("tap", "model.onnx", "-o", "out.onnx", "--preprocess", "imagenet"))
    assert load_manifest(desk / "out.onnx").tokens == PATCHES
    pixels = np.random.default_rng(0).integers(0, 256, (1, 24, 40, 3), np.uint8)
    original = run_all(desk / "model.onnx", pixels=normalised(pixels).astype(np.float32))
    found = run_all(desk / "out.onnx", images=pixels)
    assert found["block_01/attention"].shape == (1, HEADS, PATCHES, PATCHES)
    (scores,) = original.values()
    assert relative_error(found["logits"], scores) <= TOKENS
