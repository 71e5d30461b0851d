"""Ctrl-C: exit code 130, one word about it, and nothing half-written."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from terminal import Outcome, contents, interrupt

Exported = Callable[[str], Path]


def hidden(folder: Path) -> bool:
    """Whether work has begun: what passes has a name with a dot in front."""
    return any(file.name.startswith(".") for file in folder.iterdir())


@pytest.fixture
def many(pictures: Path, tmp_path: Path) -> Path:
    """More pictures than anybody waits for."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(1500):
        os.link(pictures / "landscape.png", folder / f"{number}.png")
    return folder


def test_during_an_export(described: str, desk: Path) -> None:
    (desk / "out.onnx").write_bytes(b"older")
    before = contents(desk)
    words: list[str | Path] = ["export", "--config", described, "--weights", "random"]
    outcome = interrupt([*words, "-o", "out.onnx"], lambda: hidden(desk))
    assert outcome == Outcome(130, "", "error: interrupted.\n")
    assert contents(desk) == before


def test_while_drawing_a_file_a_picture(exported: Exported, many: Path, desk: Path) -> None:
    words: list[str | Path] = ["probe", "rollout", exported("plain"), many, "--quiet"]
    outcome = interrupt(words, lambda: len(list(desk.glob("[0-9]*.png"))) > 2)
    assert (outcome.code, outcome.err) == (130, "error: interrupted.\n")
    # What is done is done, and whole; and what was printed is there.
    done = {file.name for file in desk.iterdir()}
    assert set(outcome.out.splitlines()) <= done
    assert 2 < len(done) < 1500
    assert len(done) - len(outcome.out.splitlines()) <= 1
    for name in done:
        with Image.open(desk / name) as picture:
            picture.load()


def test_while_probing_for_one_file(exported: Exported, many: Path, desk: Path) -> None:
    (desk / "r.npz").write_bytes(b"older")
    start = time.monotonic()
    words: list[str | Path] = ["probe", "rollout", exported("plain"), many, "-q", "-o", "r.npz"]
    # It takes a second or two to start, and many more to end.
    outcome = interrupt(words, lambda: time.monotonic() - start > 3)
    assert outcome == Outcome(130, "", "error: interrupted.\n")
    assert contents(desk) == {"r.npz": b"older"}
