"""What is no file of a model is refused, in a sentence and with nothing written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tap.foreign_ways import WAYS
from tap.tapping import ATTENTION, Call, Refused, assert_sentences, photographs, run
from terminal import contents


@pytest.mark.parametrize("kind", ["random", "zeros", "text", "picture", "empty"])
def test_a_file_of_something_else(kind: str, refused: Refused, desk: Path) -> None:
    file = desk / "model.onnx"
    if kind == "random":
        file.write_bytes(np.random.default_rng(0).bytes(5003))
    elif kind == "zeros":
        file.write_bytes(bytes(4096))
    elif kind == "text":
        file.write_text("version https://git-lfs.github.com/spec/v1\n" * 9)
    elif kind == "picture":
        Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(file, "png")
    else:
        file.touch()
    refused("model.onnx", 1, "model.onnx", "again")


@pytest.mark.parametrize("seed", range(20))
def test_a_file_of_random_bytes(seed: int, refused: Refused, desk: Path) -> None:
    random = np.random.default_rng(seed)
    (desk / "model.onnx").write_bytes(random.bytes(int(random.integers(1, 40))))
    refused("model.onnx", 1, "model.onnx")


@pytest.mark.parametrize("kept", [1, 2, 17, 1000, 0.5, 0.99, -1])
def test_a_file_that_is_cut_off(kept: float, refused: Refused, desk: Path) -> None:
    whole = WAYS["class"].model().SerializeToString()
    end = int(kept * len(whole)) if isinstance(kept, float) else kept
    (desk / "model.onnx").write_bytes(whole[:end])
    refused("model.onnx", 1, "model.onnx")


@pytest.mark.parametrize("seed", range(20))
def test_a_file_of_which_bytes_are_wrong(seed: int, call: Call, desk: Path) -> None:
    """Refused; or taken, where the bytes are only weights, or names."""
    damaged = bytearray(WAYS["one block"].model().SerializeToString())
    random = np.random.default_rng(seed)
    # Before its weights, a graph has its nodes.
    for place in random.integers(0, 4000, 3):
        damaged[place] = random.integers(256)
    (desk / "model.onnx").write_bytes(damaged)
    before = contents(desk)
    outcome = call("tap", "model.onnx", "-o", "out.onnx", "--preprocess", "imagenet")
    if outcome.code:
        assert outcome.code == 1
        assert_sentences(outcome)
        assert contents(desk) == before
    else:
        attention = run(desk / "out.onnx", images=photographs(WAYS["one block"], 1))
        np.testing.assert_allclose(attention["block_00/attention"].sum(-1), 1, atol=ATTENTION)


def test_a_folder(refused: Refused, desk: Path) -> None:
    (desk / "model.onnx").mkdir()
    refused("model.onnx", {1, 2}, "model.onnx", "folder")


def test_a_file_that_is_not_there(refused: Refused) -> None:
    refused("nowhere/model.onnx", 1, "nowhere/model.onnx")
