"""``vx.tap_model``: what the command taps, and what was found on the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

import vitonnx as vx
from tap.foreign_ways import WAYS
from vitonnx.errors import ModelFileError, UsageError

Command = Callable[..., None]


@pytest.fixture
def foreign(desk: Path) -> Path:
    """A ViT that somebody else exported."""
    onnx.save(WAYS["class"].model(), "foreign.onnx")
    return Path("foreign.onnx")


def test_the_command_and_the_function_write_the_same_file(
    command: Command, foreign: Path, desk: Path
) -> None:
    words = ["--preprocess", "imagenet", "--prefix", "cls", "--name", "mine"]
    command("tap", foreign, *words, "-o", "command.onnx")
    said: list[str] = []
    tapped = vx.tap_model(
        foreign,
        "function.onnx",
        preprocess="imagenet",
        prefix=["cls"],
        name="mine",
        notice=said.append,
    )
    assert (desk / "function.onnx").read_bytes() == (desk / "command.onnx").read_bytes()
    assert tapped.manifest.name == "mine"
    assert tapped.manifest.parity["outputs"] >= tapped.parity.outputs
    assert len(tapped.blocks) == len(tapped.parity.rows) == len(tapped.parity.products)
    assert said == [f"{warning}." for warning in tapped.warnings]
    assert vx.Engine("function.onnx", device="cpu").manifest == tapped.manifest


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "preprocess"),
        ({"preprocess": "sepia"}, "sepia"),
        ({"preprocess": "imagenet", "prefix": "cls,dist"}, "prefix|token"),
        ({"preprocess": "imagenet", "size": "large"}, "size is 'large'"),
        ({"preprocess": "imagenet", "path": "foreign.onnx"}, "would be lost"),
    ],
)
def test_calls_that_are_wrong(
    arguments: dict[str, str], says: str, foreign: Path, desk: Path
) -> None:
    before = foreign.read_bytes()
    with pytest.raises(UsageError, match=says):
        vx.tap_model(foreign, **{"path": "out.onnx", **arguments})  # type: ignore[arg-type]
    assert [file.name for file in desk.iterdir()] == ["foreign.onnx"]
    assert foreign.read_bytes() == before


def test_what_is_no_model(desk: Path) -> None:
    (desk / "folder").mkdir()
    for name in ("folder", "nothing.onnx"):
        with pytest.raises(ModelFileError, match=name):
            vx.tap_model(name, "out.onnx", preprocess="imagenet")
