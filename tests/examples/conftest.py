from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from examples.baked_files import RECIPES, Baked, make

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


@pytest.fixture(scope="session", params=RECIPES.values(), ids=list(RECIPES))
def baked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Baked:
    return make(request.param, tmp_path_factory.mktemp("baked"))


@pytest.fixture(scope="session")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Baked:
    return make(RECIPES["wide"], tmp_path_factory.mktemp("wide"))


@pytest.fixture(scope="session")
def by_class(tmp_path_factory: pytest.TempPathFactory) -> Baked:
    """A file with a class as its input."""
    return make(RECIPES["asked about a class"], tmp_path_factory.mktemp("by_class"))


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the examples, without what they make, and with npm's packages."""
    folder = tmp_path_factory.mktemp("copy") / "examples"
    made = shutil.ignore_patterns("node_modules", "ort", "*.onnx", "__pycache__")
    shutil.copytree(EXAMPLES, folder, ignore=made)
    for name, words in (("node", "ci"), ("web", "ci"), ("web", "run runtime")):
        subprocess.run(["npm", *words.split()], cwd=folder / name, check=True)
    return folder
