"""Where the file may go, and what is never written over."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest

from tap.foreign_ways import WAYS
from tap.no_vits import NO_VITS
from tap.tapping import Call, Refused, assert_right, assert_sentences, done, save_outside
from terminal import contents
from vitonnx.tap import tap

NOBODY = 65534


@pytest.mark.parametrize("output", ["model.onnx", "./model.onnx", "link.onnx"])
def test_the_model_is_not_written_over(
    output: str, vit_file: str, refused: Refused, desk: Path
) -> None:
    (desk / "link.onnx").symlink_to("model.onnx")
    refused(vit_file, 2, Path(output).name, words=f"--preprocess imagenet -o {output}")


def test_the_weights_are_not_written_over(refused: Refused, desk: Path) -> None:
    save_outside(WAYS["class"].model(), desk / "model.onnx", "weights.bin")
    refused("model.onnx", 2, "weights.bin", words="--preprocess imagenet -o weights.bin")


def test_the_config_is_not_written_over(vit_file: str, refused: Refused, desk: Path) -> None:
    (desk / "a.json").write_text('{"image_mean": [0.1, 0.2, 0.3], "image_std": [0.5, 0.5, 0.5]}')
    refused(vit_file, 2, "a.json", words="--preprocess hf:a.json -o a.json")


@pytest.mark.parametrize("output", ["nowhere/out.onnx", "folder", "."])
def test_a_target_that_can_not_be(output: str, vit_file: str, refused: Refused, desk: Path) -> None:
    (desk / "folder").mkdir()
    refused(vit_file, 2, output, words=f"--preprocess imagenet -o {output}")


@pytest.fixture
def closed() -> Iterator[Path]:
    """Give a folder that nobody may write in. Root may, so root becomes nobody meanwhile."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        onnx.save(WAYS["class"].model(), folder / "model.onnx")
        # What is loaded is loaded now, while it can be read.
        tap(folder / "model.onnx", folder / "warm.onnx", preprocess="imagenet")
        (folder / "warm.onnx").unlink()
        folder.chmod(0o555)
        is_root = os.geteuid() == 0
        if is_root:
            os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            if is_root:
                os.seteuid(0)
            folder.chmod(0o755)


def test_a_folder_without_permission(call: Call, closed: Path) -> None:
    target = closed / "out.onnx"
    outcome = call("tap", closed / "model.onnx", "-o", target, "--preprocess", "imagenet")
    assert outcome.code == 1, outcome
    assert_sentences(outcome, str(target), "permission")
    assert [file.name for file in closed.iterdir()] == ["model.onnx"]


def test_what_stood_there_stays(refused: Refused, desk: Path) -> None:
    (desk / "out.onnx").write_bytes(b"older")
    onnx.save(NO_VITS["Swin"](), "model.onnx")
    refused("model.onnx", 1)  # and the folder's contents are compared


def test_what_stood_there_is_replaced(call: Call, vit_file: str, desk: Path) -> None:
    (desk / "out.onnx").write_bytes(b"older")
    done(call("tap", vit_file, "-o", "out.onnx", "--preprocess", "imagenet"))
    assert_right(desk / "out.onnx", WAYS["class"], 1)
    assert sorted(contents(desk)) == ["model.onnx", "out.onnx"]
