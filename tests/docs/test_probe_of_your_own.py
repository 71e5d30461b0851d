"""``docs/probe-of-your-own.md``, followed to the letter as a package of its own."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from docs.command_blocks import read_blocks
from media.video_files import even, frames, look, write_video
from probes.installed_probes import commands
from terminal import Outcome, assert_refused, finished

Exported = Callable[[str], Path]

PAGE = Path(__file__).parents[2] / "docs" / "probe-of-your-own.md"
FILE = re.compile(r"# ([\w.-]+\.(?:toml|py))\n")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed the package that the page writes."""
    package = tmp_path_factory.mktemp("package")
    for block in read_blocks(PAGE):
        if named := FILE.match(block.text):
            (package / named[1]).write_text(block.text)
    assert {path.name for path in package.iterdir()} == {"pyproject.toml", "vitonnx_reach.py"}
    site = tmp_path_factory.mktemp("site")
    # The backend of the build is fetched only where this environment hasn't it.
    apart = [] if importlib.util.find_spec("hatchling") is None else ["--no-build-isolation"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    words = [*pip, "--no-deps", *apart, "--target", str(site), "."]
    subprocess.run(words, cwd=package, check=True)
    return site


@pytest.fixture
def desk(desk: Path, exported: Exported) -> Path:
    """A folder with what the page's commands name."""
    shutil.copy(exported("registers"), "dino.onnx")
    generator = np.random.default_rng(41)
    Path("holiday").mkdir()
    for name, sides in (("bird", (61, 83)), ("holiday/1", (97, 53)), ("holiday/2", (47, 190))):
        pixels = generator.integers(0, 256, (*sides, 3), np.uint8)
        Image.fromarray(pixels).save(f"{name}.png")
    write_video(desk / "walk.mp4", frames(3), even(3))
    return desk


def vitonnx(site: Path, *words: str) -> Outcome:
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    return finished([sys.executable, "-m", "vitonnx", *words], PYTHONPATH=path)


def told() -> list[tuple[list[str], str]]:
    """List the commands of the page, and the file that each writes."""
    found = []
    for block in read_blocks(PAGE):
        if block.language == "text":
            for line in filter(None, block.text.splitlines()):
                command, _, comment = line.partition("#")
                program, *words = shlex.split(command)
                assert program == "vitonnx"
                written = words[words.index("-o") + 1] if "-o" in words else comment.strip()
                found.append((words, written))
    return found


@pytest.mark.parametrize(("words", "written"), told(), ids=lambda part: "".join(part[:2]))
def test_what_the_page_tells_to_type(
    words: list[str], written: str, site: Path, desk: Path
) -> None:
    outcome = vitonnx(site, *words)
    assert (outcome.code, outcome.errors) == (0, [])
    assert outcome.out.splitlines()[-1] == written
    assert Path(written).stat().st_size > 500
    assert "can't be used" not in outcome.err
    match Path(written).suffix:
        case ".npz":
            with np.load(written) as stored:
                assert stored["reach"].shape == (2, 2, 5, 7)
                assert 0 <= stored["reach"].min() < stored["reach"].max() <= 1
        case ".mp4":
            assert len(look(Path(written)).pictures) == 3
        case ".html":
            # Two pictures, two probes.
            assert Path(written).read_text().count("<img") == 4
        case ".png":
            with Image.open(written) as figure:
                assert min(figure.size) > 200


def test_every_surface_is_told() -> None:
    said = {tuple(word for word in words if word in SURFACES) for words, _ in told()}
    assert said == {("probe",), ("probe", "video"), ("bake",), ("report",)}


SURFACES = ("probe", "video", "bake", "report")


def test_what_is_baked_is_what_is_probed(site: Path, desk: Path) -> None:
    pixels = np.random.default_rng(43).integers(0, 256, (40, 56, 3), np.uint8)
    # Of such a size that the recipe only crops its middle.
    Image.fromarray(np.pad(pixels, ((2, 2), (3, 3), (0, 0)))).save("sized.png")
    baked, probed = commands(
        site,
        ("bake", "dino.onnx", "--probe", "reach:times=2", "-o", "baked.onnx", "-q"),
        ("probe", "reach", "dino.onnx", "sized.png", "--times", "2", "-o", "probed.npz", "-q"),
    )
    assert (baked.code, probed.code) == (0, 0)
    session = onnxruntime.InferenceSession("baked.onnx", providers=["CPUExecutionProvider"])
    with np.load("probed.npz") as stored:
        rows, columns = stored["reach"].shape[-2:]
        assert (rows, columns) == (5, 7)
        (found,) = session.run(["reach"], {"images": seen(stored["crop"][0], "sized.png")[None]})
        np.testing.assert_allclose(found, stored["reach"], atol=1e-6)


def seen(crop: np.ndarray, name: str) -> np.ndarray:
    """Cut what a model saw of a picture that wasn't resized."""
    left, top, right, bottom = np.rint(crop).astype(int)
    assert (bottom - top, right - left) == (40, 56)
    with Image.open(name) as picture:
        return np.asarray(picture)[top:bottom, left:right]


def test_its_options_are_checked_and_helped(site: Path, desk: Path) -> None:
    before = sorted(desk.iterdir())
    help_, *refused = commands(
        site,
        ("probe", "reach", "--help"),
        ("probe", "reach", "dino.onnx", "bird.png", "--times", "-1"),
        ("probe", "reach", "dino.onnx", "bird.png", "--resume", "s.json"),
        ("bake", "dino.onnx", "--probe", "reach:times=-1", "-o", "o.onnx"),
        ("bake", "dino.onnx", "--probe", "heads", "--times", "2", "-o", "o.onnx"),
    )
    assert help_.code == 0
    assert "--times" in help_.out
    assert "Show what share of the heads attend to each patch." in help_.out
    for outcome in refused:
        assert_refused(outcome, 2)
    assert sorted(desk.iterdir()) == before


def test_a_model_without_a_class_token_is_refused(
    site: Path, desk: Path, exported: Exported
) -> None:
    outcome = vitonnx(site, "probe", "reach", str(exported("pooled")), "bird.png")
    assert_refused(outcome, 2, "no class token")
