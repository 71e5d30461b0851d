"""Graphs that normalise pixels themselves: of 0 to 1, and of 0 to 255."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from tap.foreign_vit import ForeignViT
from tap.foreign_ways import WAYS
from tap.tapping import Call, done
from vitonnx.engine import Engine

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def normalising(vit: ForeignViT, brightest: float) -> onnx.ModelProto:
    """Draw a graph whose input ends at `brightest`, and that makes of it what the ViT takes."""
    model = vit.model()
    constants = {
        "own/mean": brightest * np.array(MEAN, np.float32).reshape(1, 3, 1, 1),
        "own/std": brightest * np.array(STD, np.float32).reshape(1, 3, 1, 1),
    }
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            if name == "pixels":
                node.input[place] = "own/pixels"
    own = [
        helper.make_node("Sub", ["pixels", "own/mean"], ["own/centred"]),
        helper.make_node("Div", ["own/centred", "own/std"], ["own/pixels"]),
    ]
    nodes = [*own, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(
        numpy_helper.from_array(values, name) for name, values in constants.items()
    )
    onnx.checker.check_model(model, full_check=True)
    return model


@pytest.mark.parametrize(
    ("brightest", "recipe"), [(1, "0,1"), (255, "0,0.00392156862745098"), (255, "0,0.003921569")]
)
def test_a_recipe_that_leaves_it_to_the_graph(
    brightest: float, recipe: str, call: Call, desk: Path
) -> None:
    vit = WAYS["class"]
    onnx.save(normalising(vit, brightest), "model.onnx")
    done(call("tap", "model.onnx", "-o", "out.onnx", "--preprocess", recipe))
    engine = Engine(desk / "out.onnx", device="cpu")
    pixels = np.random.default_rng(0).integers(0, 256, (3, *vit.size, 3), np.uint8)
    normalised = (pixels / 255 - np.array(MEAN)) / np.array(STD)
    expected = vit.answer(normalised.transpose(0, 3, 1, 2))
    found = engine.run_pixels(pixels, engine.outputs)
    for name, values in found.items():
        # Single precision, of a few hundred sums.
        np.testing.assert_allclose(values, expected[name], atol=2e-5 * np.abs(expected[name]).max())
