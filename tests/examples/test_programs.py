"""The programs in Python and Node.js: a baked file's maps, and sentences where it goes wrong."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from examples.baked_files import Baked
from vitonnx.modelfile import load_manifest

pytestmark = pytest.mark.examples

CAT = Path(__file__).parent.parent.parent / "examples/cat.jpg"

Look = Callable[..., subprocess.CompletedProcess[str]]


def looker(examples: Path, language: str) -> Look:
    program = {
        "python": [sys.executable, str(examples / "python/look.py")],
        "node": ["node", str(examples / "node/look.js")],
    }[language]

    def look(*words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*program, *map(str, words)], capture_output=True, text=True, timeout=60
        )

    return look


@pytest.fixture(params=["python", "node"])
def look(request: pytest.FixtureRequest, examples: Path) -> Look:
    return looker(examples, request.param)


def test_a_program_finds_what_vitonnx_finds(look: Look, baked: Baked, tmp_path: Path) -> None:
    ran = look(baked.model, baked.picture, tmp_path / "map.png")
    assert (ran.returncode, ran.stderr) == (0, "")
    baked.check(json.loads((tmp_path / "map.json").read_text()))

    *ranked, out = ran.stdout.splitlines()
    assert out == str(tmp_path / "map.png")
    if baked.recipe.logits:
        logits = baked.expected["logits"]
        shares = np.exp(logits) / np.exp(logits).sum()
        classes = load_manifest(baked.model).classes or ()
        best = sorted(zip(shares, classes, strict=True), reverse=True)[:3]
        assert ranked == [f"{share:6.1%}  {name}" for share, name in best]
    else:
        assert not ranked


def test_the_map_is_brightest_where_it_is_highest(look: Look, baked: Baked, tmp_path: Path) -> None:
    height, width = baked.recipe.size
    black = tmp_path / "black.png"
    Image.new("RGB", (width, height)).save(black)
    assert look(baked.model, black, tmp_path / "map.png").returncode == 0
    found = json.loads((tmp_path / "map.json").read_text())
    values = np.asarray(found["rollout"] if "rollout" in found else found["heads"])
    values = values if values.ndim == 2 else values.mean(0)
    drawn = np.asarray(Image.open(tmp_path / "map.png").convert("L"))
    assert drawn.shape == tuple(8 * side for side in values.shape)  # patches of 8 pixels
    rows, columns = values.shape
    light = drawn.reshape(rows, 8, columns, 8).mean((1, 3))
    assert light.argmax() == values.argmax()


def test_both_scale_a_photograph_alike(examples: Path, wide: Baked, tmp_path: Path) -> None:
    """Even one that lies on its side: Pillow's own filter, and JavaScript's copy of it."""
    photograph = Image.open(CAT)
    turned = photograph.getexif()
    turned[0x0112] = 6
    photograph.save(tmp_path / "turned.jpg", exif=turned)
    for picture in (CAT, tmp_path / "turned.jpg"):
        found, sizes = [], []
        for language in ("python", "node"):
            out = tmp_path / f"{language}.png"
            assert looker(examples, language)(wide.model, picture, out).returncode == 0
            found.append(json.loads(out.with_suffix(".json").read_text()))
            with Image.open(out) as drawn:
                sizes.append(drawn.size)
        python, node = found
        for name, values in python.items():
            # A pixel may be rounded the other way: 1/255 in a few of thousands.
            largest = np.abs(values).max()
            np.testing.assert_allclose(node[name], values, rtol=0, atol=1e-3 * largest)
        # Half a pixel goes up in one language and to the even number in the other.
        assert np.ptp(np.array(sizes), axis=0).max() <= 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "Usage: .* MODEL.onnx PICTURE OUT.png"),
        (["nowhere.onnx", CAT, "map.png"], "no.*nowhere.onnx"),
        ([CAT, CAT, "map.png"], "cat.jpg is no"),
        (["source", CAT, "map.png"], "is no baked file: make one with `vitonnx bake`"),
        (["model", "nowhere.jpg", "map.png"], "nowhere.jpg"),
        (["model", __file__, "map.png"], "image|picture"),
        (["model", CAT, "nowhere/map.png"], "nowhere/map.png"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    words: list[object],
    sentence: str,
    look: Look,
    wide: Baked,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    files = {"model": wide.model, "source": wide.recipe.source}
    ran = look(*(files.get(str(word), word) for word in words))
    assert ran.returncode == 1
    [line] = ran.stderr.splitlines()
    assert re.search(sentence, line), line
    assert not list(tmp_path.iterdir())


def test_a_newer_contract_is_refused(look: Look, wide: Baked, tmp_path: Path) -> None:
    """The rule of every reader: what is newer may mean other things, such as padding."""
    model = onnx.load(wide.model)
    (entry,) = (entry for entry in model.metadata_props if entry.key == "vitonnx.manifest")
    entry.value = json.dumps(json.loads(entry.value) | {"contract_version": 2})
    onnx.save(model, tmp_path / "newer.onnx")
    ran = look(tmp_path / "newer.onnx", CAT, tmp_path / "map.png")
    assert ran.returncode == 1
    [line] = ran.stderr.splitlines()
    assert "follows version 2 of the contract" in line
    assert not (tmp_path / "map.png").exists()


def test_python_needs_what_it_says_and_no_vitonnx(examples: Path) -> None:
    imported: set[str] = set()
    for node in ast.walk(ast.parse((examples / "python/look.py").read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module).split(".")[0])
    stated = (examples / "python/requirements.txt").read_text().replace("pillow", "PIL")
    assert imported - sys.stdlib_module_names == set(re.findall(r"^\w+", stated, re.MULTILINE))
