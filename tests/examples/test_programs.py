"""The programs in Python and Node.js: a baked file's maps, and sentences where it goes wrong."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

import vitonnx as vx
from examples.baked_files import RECIPES, Baked, open_source
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
    first = next(name for name in ("attribution", "rollout", "heads") if name in found)
    values = np.asarray(found[first])
    values = values if values.ndim == 2 else values.mean(0)
    drawn = np.asarray(Image.open(tmp_path / "map.png").convert("L"))
    assert drawn.shape == tuple(8 * side for side in values.shape)  # patches of 8 pixels
    rows, columns = values.shape
    light = drawn.reshape(rows, 8, columns, 8).mean((1, 3))
    assert light.argmax() == values.argmax()


def test_a_class_is_asked_by_name_and_number(look: Look, by_class: Baked, tmp_path: Path) -> None:
    classes = load_manifest(by_class.model).classes or ()
    likeliest = int(by_class.expected["logits"].argmax())
    maps = []
    for number in (0, likeliest, 7):
        for asked in (number, classes[number]):
            ran = look(by_class.model, by_class.picture, tmp_path / "map.png", asked)
            assert (ran.returncode, ran.stderr) == (0, "")
            found = json.loads((tmp_path / "map.json").read_text())
            by_class.check(found, number)
            maps.append(np.asarray(found["attribution"]))
    assert not np.allclose(maps[0], maps[-1], rtol=0.1)  # the class matters
    by_class.check(found | {"attribution": maps[2]})  # without one, it is the likeliest


def test_classes_that_only_logits_count(look: Look, by_class: Baked, tmp_path: Path) -> None:
    """A manifest without names; and with a name twice."""
    unnamed, twice = tmp_path / "unnamed.onnx", tmp_path / "twice.onnx"
    say_classes(by_class.model, None, unnamed)
    say_classes(by_class.model, ["crane", *"abcdefg", "crane", "h"], twice)
    out = tmp_path / "map.png"
    assert look(unnamed, by_class.picture, out, 3).returncode == 0
    by_class.check(json.loads(out.with_suffix(".json").read_text()), 3)
    for file, asked, sentence in (
        (unnamed, "10", "has no class 10: give a name, or a number from 0 to 9"),
        (twice, "crane", "the classes 0 and 8 are both called crane: give the number"),
    ):
        ran = look(file, by_class.picture, out, asked)
        assert ran.returncode == 1
        assert sentence in ran.stderr


def say_classes(file: Path, classes: list[str] | None, target: Path) -> None:
    model = onnx.load(file)
    (entry,) = (entry for entry in model.metadata_props if entry.key == "vitonnx.manifest")
    entry.value = json.dumps(json.loads(entry.value) | {"classes": classes})
    onnx.save(model, target)


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


@pytest.fixture(scope="module")
def patch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a patch as its input, which the programs don't give."""
    folder = tmp_path_factory.mktemp("patch")
    recipe = replace(RECIPES["wide"], probes=(vx.Heads(query="patch"),))
    vx.bake(open_source(recipe), recipe.probes, folder / "model.onnx")
    return folder / "model.onnx"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], r"Usage: .* MODEL.onnx PICTURE OUT.png \[CLASS\]"),
        (["nowhere.onnx", CAT, "map.png"], "no.*nowhere.onnx"),
        ([CAT, CAT, "map.png"], "cat.jpg is no"),
        (["source", CAT, "map.png"], "is no baked file: make one with `vitonnx bake`"),
        (["model", "nowhere.jpg", "map.png"], "nowhere.jpg"),
        (["model", __file__, "map.png"], "image|picture"),
        (["model", CAT, "nowhere/map.png"], "nowhere/map.png"),
        (["model", CAT, "map.png", "cat"], "takes no class: bake it with --probe attribution"),
        (["by_class", CAT, "map.png", "unicorn"], "has no class unicorn: give a name, or a number"),
        (["patch", CAT, "map.png"], "asks for a patch of each picture: bake it without --query"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    words: list[object],
    sentence: str,
    look: Look,
    wide: Baked,
    by_class: Baked,
    patch: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    files = {
        "model": wide.model,
        "source": wide.recipe.source,
        "by_class": by_class.model,
        "patch": patch,
    }
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
