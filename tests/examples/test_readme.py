"""The README of the examples: its commands, typed from top to bottom."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from docs.command_blocks import read_blocks, read_commands

pytestmark = pytest.mark.examples

NOT_RUN = {
    ("pip", "install"): "needs a fresh environment; test_programs.py reads the file",
    ("python", "-m", "http.server"): "never ends; test_page.py runs it",
    ("bash", ".ci/browser"): "installs programs; .ci/run runs it",
    ("python", "-m", "pytest"): "is what runs this",
    ("python", "examples/real/look.py"): "fetches a package; test_real.py runs it",
}


def test_readme(examples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripts = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{scripts}{os.pathsep}{os.environ['PATH']}")
    for block in read_blocks(examples / "README.md"):
        here = examples.parent
        for words in read_commands(block):
            if words[0] == "cd":
                here /= words[1]
            elif not any(words[: len(start)] == start for start in NOT_RUN):
                subprocess.run(words, cwd=here, check=True, timeout=120)
    assert (examples / "web/model.onnx").exists()
    names = ("cat.png", "cat.class.png")
    for made in (here / name for here in (examples.parent, examples / "node") for name in names):
        assert made.stat().st_size > 10_000  # a picture of 450 x 300 pixels
