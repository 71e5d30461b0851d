"""The README and the pages in docs/: all that they tell people to type works."""

from __future__ import annotations

import itertools
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
import typer

from app.pages_served import serve_page
from docs import documented_files as desks
from docs.command_blocks import Block, read_blocks, read_commands
from vitonnx.cli import main
from vitonnx.cli._app import app
from vitonnx.models import find_model

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

DINOV3 = "hf://onnx-community/dinov3-vits16-pretrain-lvd1689m-ONNX"
HUB = "fetches from a hub; tests/names/ serves one"
RUNTIME = "copies the runtime of browsers; tests/cli/test_app_static.py does it"
TRAINED = "no command goes on from it; tests/cli/test_train.py trains on the same data"
IMAGENET = "needs ImageNet; tests/cli/test_accuracy.py has its layouts, small"

# Every other command is run. These are read as the command line reads them, which knows the
# options, and their models are looked up in the registry.
NOT_RUN = {
    "pip install .": "needs a fresh environment",
    "pip install .[export]": "needs a fresh environment; .ci/run runs the README's",
    "pip install .[app]": "needs a fresh environment",
    "pip install -e .[test]": "needs a fresh environment; .ci/run runs it",
    "python -m pytest -n auto": "is what runs this; .ci/run runs it",
    "python -m pytest -m fuzz --minutes 60": "takes an hour; .ci/run runs it for seconds",
    "python -m benchmarks.kills": "takes a quarter of an hour",
    "python examples/real/look.py": "fetches a package; tests/examples/test_real.py runs it",
    "vitonnx app deit_b16.onnx dino_vits16.onnx --static site": RUNTIME,
    "vitonnx app dino_vits16.onnx --static space --space": RUNTIME,
    "vitonnx app dino_vits16.onnx --static site --runtime package": RUNTIME,
    "npm pack onnxruntime-web@1.30.0": "fetches a package; .ci/browser does it",
    "tar -xf onnxruntime-web-1.30.0.tgz": "unpacks the package; .ci/browser does it",
    "python -m http.server -d site": "serves until it is stopped",
    "hf upload USER/NAME space . --repo-type space": "needs a hub and an account there",
    "vitonnx doctor --measure": "takes half a minute; tests/cli/test_doctor_measure.py runs it",
    "vitonnx doctor --measure --quiet": "takes as long",
    "vitonnx demo": "takes half a minute; tests/cli/test_demo.py runs it",
    "vitonnx train scenes -o runs/scenes": TRAINED,
    "vitonnx train cifar-10-binary.tar.gz -o runs/cifar --image-size 32 --patch 4 --epochs 60": (
        TRAINED
    ),
    "vitonnx evaluate faithfulness scenes_vit holiday/ --limit 2 --steps 10 --sanity "
    "-o sanity.png": "takes a plan for each of its models; tests/cli/test_faithfulness.py does it",
    "vitonnx export dino_vits16": "fetches a checkpoint",
    "vitonnx export dino_vitb16": "fetches a checkpoint",
    "vitonnx export dino_vits16 --weights random -o dino.onnx": (
        "takes seconds for 22 million weights; .ci/run runs it"
    ),
    "vitonnx tap vit_b16_savedmodel --preprocess half -o vit_b16.onnx": (
        "needs a SavedModel; tests/export/test_saved_model.py makes one"
    ),
    "vitonnx evaluate accuracy deit_s16 imagenet/val/ -o accuracy.json": IMAGENET,
    "vitonnx evaluate accuracy deit_s16 val/ --truth LOC_val_solution.csv --precision fp32 "
    "--precision int8": IMAGENET,
    "vitonnx evaluate knn dino_vits16 imagenet/train/ imagenet/val/ --resume knn.state": IMAGENET,
    f"vitonnx probe heads {DINOV3} bird.png": HUB,
    f"vitonnx inspect {DINOV3}/onnx/model_fp16.onnx": HUB,
    f"vitonnx tap {DINOV3} -o dinov3.onnx": HUB,
    "vitonnx export dino_vits16 --weights dino_deitsmall16_pretrain.pth": (
        "needs the published checkpoint"
    ),
}

# Trainings are run as they stand but for these: of an option that is given twice, the last counts.
SHORTER = (
    *("--epochs", "1", "--pictures", "60", "--batch-size", "30"),
    *("--width", "24", "--depth", "1", "--heads", "2"),
)

# Blocks that are nothing to type: a diagram has no language, a file has a title.
FILES = {"json"}

# Its package and the commands that need it are built and run by test_probe_of_your_own.py.
PACKAGED = "probe-of-your-own.md"


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("desk")
    desks.fill(folder)
    return folder


@pytest.fixture
def desk(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of our own in which everything lies that pages name; we work in it."""
    folder = tmp_path / "desk"
    shutil.copytree(filled, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: _name(page))
def test_page(page: Path, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page's blocks work, from top to bottom."""
    module = ModuleType(f"page_{page.stem}")  # where its Python blocks live, all in one
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for block in read_blocks(page):
        match block.language:
            case "sh":
                for words in read_commands(block):
                    if shlex.join(words) not in map(_joined, NOT_RUN):
                        _run(words, block)
            case "python":
                _execute(block, module)
            case _ if block.title is not None:
                _write(block, desk)


def _name(page: Path) -> str:
    """Name a page as the site does: by its path below docs/."""
    return page.relative_to(ROOT).with_suffix("").as_posix().removeprefix("docs/")


def _joined(command: str) -> str:
    """Quote a command as `shlex.join` does."""
    return shlex.join(command.split())


def _run(words: tuple[str, ...], block: Block) -> None:
    """Run a command, and look for the file that it is told to write."""
    program, *arguments = words
    assert program == "vitonnx", f"{block.place}: {shlex.join(words)} is neither run nor named"
    if arguments[0] == "app" and "--static" not in arguments:
        with serve_page(Path.cwd(), arguments[1:]) as served:
            assert httpx.get(f"{served.address}healthz").json()["status"] == "ok"
            assert served.stop() == 0
        return
    shorter = SHORTER if arguments[0] == "train" else ()
    code = main([*arguments, *shorter])
    assert code == 0, f"{block.place}: {shlex.join(words)} ends with {code}"
    for option, value in itertools.pairwise(words):
        assert option != "-o" or Path(value).exists(), f"{block.place}: {value} isn't there"


def _execute(block: Block, module: ModuleType) -> None:
    """Run a Python block; what goes wrong is shown with the page's own lines."""
    source = "\n" * block.line + block.text
    exec(compile(source, str(block.page), "exec"), vars(module))


def _write(block: Block, desk: Path) -> None:
    """Write the file that a block shows, and if it describes a model, weights that fit it."""
    assert block.title is not None
    described = desk / block.title
    described.write_text(block.text)
    desks.write_checkpoint(described, described.with_suffix(".safetensors"))


def _all_blocks() -> list[Block]:
    return [block for page in PAGES for block in read_blocks(page)]


def _all_commands() -> list[tuple[str, ...]]:
    return [
        words for block in _all_blocks() if block.language == "sh" for words in read_commands(block)
    ]


@pytest.mark.parametrize("block", _all_blocks(), ids=lambda block: block.place)
def test_nothing_is_passed_over(block: Block) -> None:
    """A block is run, is a file that is written, or is a diagram and nothing to type."""
    if block.language == "":
        assert block.title is None
        assert not re.search(r"^ *(vitonnx|pip|python|import|from|\$)\b", block.text, re.MULTILINE)
    elif block.title is not None:
        assert block.language in FILES
    elif block.page.name == PACKAGED:
        assert block.language in ("python", "text", "toml")
    else:
        assert block.language in ("sh", "python")


def test_each_command_that_is_not_run_is_in_a_page() -> None:
    written = {shlex.join(words) for words in _all_commands()}
    assert {command for command in NOT_RUN if _joined(command) not in written} == set()


@pytest.mark.parametrize("command", NOT_RUN)
def test_what_is_not_run_could_be(command: str) -> None:
    match command.split():
        case ["vitonnx", *arguments]:
            model = _parse(arguments).get("name")
            assert model is None or find_model(model)
        case ["pip", "install", *words]:
            extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
            for extra in re.findall(r"\w+", "".join(re.findall(r"\[(.*)\]", words[-1]))):
                assert extra in extras["optional-dependencies"]
        case other:
            assert other[0] in ("hf", "npm", "python", "tar")


def _parse(arguments: list[str]) -> dict[str, Any]:
    """Read arguments as the command line does, and give the options' values."""
    command: Any = typer.main.get_command(app)
    words = list(arguments)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    parameters: dict[str, Any] = command.make_context("vitonnx", words).params
    return parameters


class _Loaded(HTMLParser):
    """Collects what a browser loads by itself when it shows a page: not links to follow."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = dict(attributes)
        if tag == "link" and named.get("rel") not in ("canonical", "next", "prev"):
            self.found.append(named.get("href") or "")
        elif tag in ("script", "img", "iframe", "source", "video"):
            self.found.append(named.get("src") or "")


def test_the_site_is_built_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    site = tmp_path / "site"
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = sorted(site.rglob("*.html"))
    names = {page.relative_to(site).with_suffix("").as_posix() for page in pages}
    assert names == {_name(page) for page in PAGES[1:]} | {"404"}
    assert not list(site.rglob("*.py"))
    loaded = [address for page in pages for address in _loaded(page)]
    assert loaded
    assert [address for address in loaded if re.match(r"(\w+:)?//", address)] == []
    styles = "".join(style.read_text() for style in site.rglob("*.css"))
    assert re.findall(r"@import|url\( *['\"]?(?:\w+:)?//[^)]*", styles) == []


def _loaded(page: Path) -> Iterator[str]:
    parser = _Loaded()
    parser.feed(page.read_text())
    yield from parser.found
