"""CONTRIBUTING: the files that it names exist, and its tour passes through every package."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SOURCE = ROOT / "src/vitonnx"
TEXT = (ROOT / "CONTRIBUTING.md").read_text()

# What stands in backticks and looks like a file or a folder: `probes/`, `cli/_app.py`, `layout.py`.
PATH = re.compile(r"`((?:[\w.-]+/)+|(?:[\w.-]+/)*\w+\.(?:py|md|toml|js))`")


@pytest.mark.parametrize("path", sorted(set(PATH.findall(TEXT))))
def test_paths_exist(path: str) -> None:
    places = [ROOT / path, SOURCE / path]
    if "/" not in path:  # named beside its folder
        places += SOURCE.rglob(path)
    assert any(place.exists() for place in places)


def test_tour_is_complete() -> None:
    rows = set(re.findall(r"^\| `([\w.]+/?)` \|", TEXT, re.MULTILINE))
    packages = {f"{entry.parent.name}/" for entry in SOURCE.glob("*/__init__.py")}
    files = {entry.name for entry in SOURCE.glob("[!_]*.py")}
    assert rows == packages | files
