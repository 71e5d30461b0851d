from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from tap.foreign_vit import ForeignViT
from tap.foreign_ways import WAYS
from tap.tapping import Call, Refused, Tapped, assert_sentences, done
from terminal import Outcome, contents
from vitonnx.cli import main


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--whole-matrix",
        action="store_true",
        help="tap every file of the zoo, and not one of each family",
    )


@pytest.fixture
def call(desk: Path, capfd: pytest.CaptureFixture[str]) -> Call:
    """Run a command in this process, on the desk; what libraries print themselves counts too."""

    def call(*words: str | Path) -> Outcome:
        capfd.readouterr()
        code = main([str(word) for word in words])
        said = capfd.readouterr()
        return Outcome(code, said.out, said.err)

    return call


@pytest.fixture
def refused(call: Call, desk: Path) -> Refused:
    """Check that ``tap`` refuses a file in a sentence or two, and writes nothing."""

    def refused(model: str, code: int | set[int], *parts: str, words: str | None = None) -> None:
        before = contents(desk)
        chosen = ["--preprocess", "imagenet"] if words is None else words.split()
        output = [] if "-o" in chosen else ["-o", "out.onnx"]
        outcome = call("tap", model, *output, *chosen)
        codes = {code} if isinstance(code, int) else code
        assert outcome.code in codes, outcome
        assert_sentences(outcome, *parts)
        assert contents(desk) == before

    return refused


@pytest.fixture
def tapped(call: Call, desk: Path) -> Tapped:
    """Write a ViT to the desk, and tap it."""

    def tapped(vit: ForeignViT) -> Path:
        onnx.save(vit.model(), "model.onnx")
        done(call("tap", "model.onnx", "-o", "out.onnx", "--preprocess", "imagenet"))
        return desk / "out.onnx"

    return tapped


@pytest.fixture
def vit_file(desk: Path) -> str:
    """A ViT with which there is nothing wrong."""
    onnx.save(WAYS["class"].model(), "model.onnx")
    return "model.onnx"
