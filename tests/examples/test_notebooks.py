"""The notebooks: as they are committed, and run once more from a folder like their own."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytestmark = pytest.mark.examples

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
NOTEBOOKS = sorted((EXAMPLES / "notebooks").glob("*.ipynb"))

MOST_BYTES = 400_000  # GitHub shows larger ones slowly, and every change of one stays in Git

each = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda file: file.stem)


def code_of(notebook: Path) -> list[dict[str, Any]]:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def shown(notebook: Path) -> list[list[set[str]]]:
    """For each cell of code, what kinds of things each of its outputs is."""
    return [
        [set(output.get("data", {output["output_type"]: ""})) for output in cell["outputs"]]
        for cell in code_of(notebook)
    ]


@each
def test_a_notebook_runs_and_shows_what_it_showed(notebook: Path, tmp_path: Path) -> None:
    (tmp_path / "notebooks").mkdir()
    shutil.copy(EXAMPLES / "cat.jpg", tmp_path)
    copy = Path(shutil.copy(notebook, tmp_path / "notebooks"))
    run = Path(shutil.copy(notebook.parent / "run.py", tmp_path / "notebooks"))
    subprocess.run([sys.executable, run, copy], cwd=tmp_path, check=True, timeout=600)
    assert shown(copy) == shown(notebook)


@each
def test_a_notebook_is_committed_as_it_ran(notebook: Path) -> None:
    assert notebook.stat().st_size < MOST_BYTES
    cells = code_of(notebook)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    pictures = [
        output["data"]["image/png"]
        for output in outputs
        if "data" in output
        if "image/png" in output["data"]
    ]
    assert pictures
    for picture in map(base64.b64decode, pictures):
        width, height = Image.open(BytesIO(picture)).size
        assert 300 < width <= 800
        assert height > 100


@each
def test_a_notebook_holds_no_noise(notebook: Path) -> None:
    whole = json.loads(notebook.read_text(encoding="utf-8"))
    assert whole["metadata"]["kernelspec"]["name"] == "python3"
    assert set(whole["metadata"]) == {"kernelspec", "language_info"}
    assert not any(cell["metadata"] for cell in whole["cells"])
    outputs = [output for cell in code_of(notebook) for output in cell["outputs"]]
    # No errors, no warnings, and nothing of the machine.
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    words = [output.get("text", output.get("data", {}).get("text/plain")) for output in outputs]
    assert not re.search(r"/(home|root|tmp|Users)/|0x[0-9a-f]{6}", json.dumps(words))


def test_the_readme_lists_all_of_them() -> None:
    readme = (EXAMPLES / "notebooks/README.md").read_text(encoding="utf-8")
    assert NOTEBOOKS
    assert sorted(re.findall(r"\((\w+\.ipynb)\)", readme)) == [file.name for file in NOTEBOOKS]
