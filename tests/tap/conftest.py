from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import onnx
import pytest
from filelock import FileLock

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
def tapped(call: Call, desk: Path, tmp_path_factory: pytest.TempPathFactory) -> Tapped:
    """Put a ViT on the desk, and it tapped; each is tapped once a run, for all workers."""
    kept = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        kept = kept.parent  # which the workers share
    kept /= "tapped"
    kept.mkdir(exist_ok=True)

    def tapped(vit: ForeignViT, *words: str) -> Path:
        onnx.save(vit.model(), "model.onnx")
        name = hashlib.sha256(repr(words).encode() + Path("model.onnx").read_bytes()).hexdigest()
        with FileLock(kept / f"{name}.lock"):
            if not (kept / name).exists():
                usual = ["tap", "model.onnx", "-o", "out.onnx", "--preprocess", "imagenet"]
                done(call(*usual, *words))
                shutil.copy("out.onnx", kept / name)
        shutil.copy(kept / name, "out.onnx")
        return desk / "out.onnx"

    return tapped


@pytest.fixture
def vit_file(desk: Path) -> str:
    """A ViT with which there is nothing wrong."""
    onnx.save(WAYS["class"].model(), "model.onnx")
    return "model.onnx"
