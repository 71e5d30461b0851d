"""Other sizes of tapped files, without any framework: against NumPy at that size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import pytest

import vitonnx as vx
from tap.foreign_sketch import Floats
from tap.foreign_vit import ForeignViT
from tap.foreign_ways import WAYS
from tap.tapping import ATTENTION, Call, Refused, Tapped, done, normalised
from vitonnx.errors import ModelFileError, UsageError
from vitonnx.modelfile import load_manifest, load_weights
from vitonnx.positions import resampling_matrix
from vitonnx.tap import tap
from vitonnx.tap._any_size import choose_interpolation
from vitonnx.tap._grid_free import Positions

OTHER = (5, 4)  # rows more, columns fewer than 3 x 5
SIZED = ["no prefix", "class", "distilled", "registers", "fused, split", "scaled inside"]
SIZED += ["a batch of one", "mean of patches", "cross-attention reads out", "folded and fused"]
SIZED += ["folded into the batch", "opset 13", "a remainder"]


@dataclass(frozen=True, kw_only=True)
class Resampled(ForeignViT):
    """The same weights at another grid, the positions resampled."""

    own: ForeignViT
    interpolation: str

    def weights(self) -> dict[str, Floats]:
        weights = dict(self.own.weights())
        matrix = resampling_matrix(
            self.own.grid, self.grid, interpolation=self.interpolation, prefix=self.placed
        )
        positions = matrix.astype(np.float64) @ weights["positions"][0]
        return weights | {"positions": positions[None].astype(np.float32)}


def at(vit: ForeignViT, grid: tuple[int, int], interpolation: str) -> Resampled:
    fields = {name: getattr(vit, name) for name in ForeignViT.__dataclass_fields__}
    fields |= {"grid": grid, "rest": (0, 0)}
    return Resampled(own=vit, interpolation=interpolation, **fields)


@pytest.mark.parametrize("way", SIZED)
def test_another_size_is_that_of_numpy(way: str, desk: Path) -> None:
    vit = WAYS[way]
    onnx.save(vit.model(), "model.onnx")
    found = tap("model.onnx", "out.onnx", preprocess="imagenet", interpolation="huggingface")
    assert found.manifest.resizable, found.warnings
    expected = at(vit, OTHER, "huggingface")
    pixels = np.random.default_rng(4).integers(0, 256, (2, *expected.size, 3), np.uint8)
    answer = expected.answer(normalised(pixels))
    engine = vx.Engine("out.onnx", device="cpu", size=expected.size, fit="squash")
    names = [name for name in answer if name in engine.outputs]
    raw = engine.run_pixels(pixels, names)
    for name in names:
        largest = max(1.0, float(np.abs(answer[name]).max()))
        np.testing.assert_allclose(raw[name], answer[name], atol=2 * ATTENTION * largest)
    planned = vx.Engine("out.onnx", device="cpu", size=expected.size, fit="squash", in_graph=True)
    query = "mean" if vit.prefix == 0 else 0
    if query == "mean":
        (result,) = planned.probe([pixels[0]], vx.Heads(query="mean"))
        rows = answer["block_01/attention"][0][:, :, vit.prefix :].mean(1)
    else:
        (result,) = planned.probe([pixels[0]], vx.Heads(query=engine.manifest.prefix_tokens[0]))
        rows = answer["block_01/attention"][0][:, 0, vit.prefix :]
    np.testing.assert_allclose(result.attention.reshape(rows.shape), rows, atol=ATTENTION)


def test_the_checkpoint_s_own_positions_stay(tapped: Tapped) -> None:
    file, vit = tapped(WAYS["registers"]), WAYS["registers"]
    larger = vx.Engine(file, device="cpu", size=(40, 64))
    assert larger.manifest.position_grid == vit.grid
    (positions,) = load_weights(file, ["position_embedding"]).values()
    np.testing.assert_array_equal(positions, vit.weights()["positions"][0])


def test_a_guess_is_said_and_a_word_is_not(call: Call, desk: Path) -> None:
    onnx.save(WAYS["class"].model(), "model.onnx")
    said = call("tap", "model.onnx", "-o", "out.onnx", "--preprocess", "imagenet")
    assert "a guess: give --interpolation" in said.err
    words = ["--preprocess", "imagenet", "--interpolation", "dino"]
    quiet = call("tap", "model.onnx", "-o", "out.onnx", *words)
    done(quiet)
    assert "guess" not in quiet.err
    assert load_manifest(desk / "out.onnx").position_interpolation == "dino"


def test_an_interpolation_of_nothing(desk: Path) -> None:
    with pytest.raises(UsageError, match="doesn't apply"):
        choose_interpolation(Positions(None, 0, 2), "jax", None)


def test_an_interpolation_that_there_is_not(refused: Refused, vit_file: str) -> None:
    words = "--preprocess imagenet --interpolation bicubic"
    refused(vit_file, 2, "--interpolation bicubic", "timm, dino, huggingface, jax", words=words)


def test_a_size_of_its_own_for_the_file(call: Call, desk: Path) -> None:
    """A graph of one size becomes a file of another."""
    vit = WAYS["class"]
    onnx.save(vit.model(), "model.onnx")
    words = ["--preprocess", "imagenet", "--interpolation", "timm", "--size", "40x32"]
    done(call("tap", "model.onnx", "-o", "out.onnx", *words))
    manifest = load_manifest(desk / "out.onnx")
    assert (manifest.size, manifest.grid, manifest.position_grid) == ((40, 32), (5, 4), vit.grid)
    onnx.checker.check_model(desk / "out.onnx", full_check=True)


def test_what_is_added_to_scores_in_no_known_way_keeps_the_size(desk: Path) -> None:
    vit = WAYS["biased"]  # a number for each pair of tokens, drawn at random
    onnx.save(vit.model(), "model.onnx")
    found = tap("model.onnx", "out.onnx", preprocess="imagenet")
    assert not found.manifest.resizable
    assert any("the model keeps its size: its attention bias" in w for w in found.warnings)
    with pytest.raises(ModelFileError, match="24x40 only: its attention bias"):
        vx.Engine("out.onnx", device="cpu", size=(40, 32)).probe(
            [np.zeros((40, 32, 3), np.uint8)], vx.Heads(query="mean")
        )


def test_an_old_file_says_that_it_keeps_its_size(tapped: Tapped) -> None:
    manifest = replace(load_manifest(tapped(WAYS["class"])), position_interpolation=None)
    assert not manifest.resizable
    assert '"size_fixed_by"' not in manifest.to_json()
