"""A Space in a fresh environment, made from its own requirements: what a visitor finds there."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from benchmarks.visitor import Visitor
from wheel.wheelfile import WheelFile

from app.browsing import Person
from app.first_visit import first_visit
from app.pages_served import ASKED, Served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.page

CAT = Path(__file__).parent.parent.parent / "examples/cat.jpg"

# What the hub tells every container; any port that is free.
HUB = {"SPACE_ID": "someone/looking", "SPACE_HOST": "someone-looking.hf.space", "PORT": "0"}


def write_index(folder: Path) -> str:
    """A package index with another vitonnx of the public version; give its address."""
    home = folder / "vitonnx"
    home.mkdir(parents=True)
    own = f"vitonnx-{version('vitonnx')}"
    with WheelFile(home / f"{own}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("vitonnx.py", "raise SystemExit('the wrong vitonnx')")
        wheel.writestr(
            f"{own}.dist-info/METADATA",
            f"Metadata-Version: 2.4\nName: vitonnx\nVersion: {version('vitonnx')}\n"
            "Provides-Extra: app\n",
        )
        wheel.writestr(
            f"{own}.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
    (home / "index.html").write_text(
        "".join(f'<a href="{file.name}">{file.name}</a>' for file in home.iterdir())
    )
    return folder.as_uri()


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fresh environment's Python; beside its folder lies the Space's, ``space``."""
    home = tmp_path_factory.mktemp("hosted")
    vitonnx = [sys.executable, "-m", "vitonnx", "app", "--export-space", "space"]
    subprocess.run(vitonnx, cwd=home, check=True)
    venv.create(home / "env", with_pip=True)
    python = home / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"
    elsewhere = home / "elsewhere"
    elsewhere.mkdir()
    index = write_index(home / "index")
    install = [str(python), "-m", "pip", "install", "--quiet", "--extra-index-url", index, "-r"]
    subprocess.run([*install, "../space/requirements.txt"], cwd=elsewhere, check=True)
    return python


@pytest.fixture(scope="module")
def hosted(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The Space, served by its own program as in a container: for all, and with no terminal."""
    folder = tmp_path_factory.mktemp("running")
    log = folder / "stderr.txt"
    program = python.parent.parent.parent / "space/app.py"
    known = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [python, program],
            cwd=folder,
            env=known | HUB,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    with process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        try:
            assert address.startswith("http://0.0.0.0:"), log.read_text()
            yield Served(address.replace("0.0.0.0", "127.0.0.1"), process, log)
        finally:
            if process.poll() is None:
                process.kill()


def test_it_has_its_own_vitonnx_and_the_gradio_it_was_made_with(python: Path) -> None:
    asked = "from importlib.metadata import version as v; print(v('vitonnx'), v('gradio'))"
    done = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == f"{version('vitonnx')}+space {version('gradio')}\n"
    vitonnx = subprocess.run([python.parent / "vitonnx", "--version"], capture_output=True)
    assert vitonnx.stdout.decode() == f"{version('vitonnx')}+space\n"


def test_what_a_visitor_saves_is_what_vitonnx_probe_finds(hosted: Served, tmp_path: Path) -> None:
    with Visitor(hosted.address) as visitor:
        _, shown, _, _ = visitor.call("receive", visitor.upload(CAT, "cat.jpg"), *ASKED)
        assert [model["name"] for model in shown["models"]] == ASKED[0]
        assert all(len(model["classes"]) == 5 for model in shown["models"][:1])
        answered, pixel, who = visitor.call("ask", *ASKED, event={"y": 101, "x": 203})
        assert (pixel, who) == (None, "patch")  # the pixel stays with the server
        assert "query: pixel" in str(answered["models"][0]["heads"]["words"])
        asked = [ASKED[0], who, *ASKED[2:]]
        written, command, _ = visitor.call("save", "heads", *asked)
        ours = tmp_path / "ours.npz"
        (place,) = [file["path"] for file in written if file["path"].endswith(".npz")]
        ours.write_bytes(visitor.http.get(f"/gradio_api/file={place}").content)
    words = shlex.split(command)
    words[words.index("cat.jpg")] = str(CAT)
    words[words.index("-o") + 1] = str(tmp_path / "theirs.npz")
    subprocess.run([sys.executable, "-m", *words], check=True, capture_output=True)
    with np.load(ours) as found, np.load(tmp_path / "theirs.npz") as expected:
        assert sorted(found) == sorted(expected)
        for name in set(found) - {"files"}:
            if found[name].dtype.kind == "U":
                assert found[name].tolist() == expected[name].tolist()
            else:
                # What a plan and the file's own outputs differ by, where the command has planned.
                np.testing.assert_allclose(found[name], expected[name], atol=1e-6)


def test_a_first_visit(hosted: Served, browser: Browser, picture: Path, tmp_path: Path) -> None:
    person = Person(browser, hosted.address)
    first_visit(person, picture, tmp_path)
    person.page.close()
    assert person.complaints == []
    assert person.strangers == []


def test_a_port_that_is_taken_is_said_in_a_sentence(hosted: Served, python: Path) -> None:
    port = hosted.address.rstrip("/").rsplit(":", 1)[1]
    program = python.parent.parent.parent / "space/app.py"
    done = subprocess.run(
        [python, program], env={**os.environ, "PORT": port}, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: can't serve 0.0.0.0:{port}")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_asked_to_end_it_ends(hosted: Served) -> None:
    """The last of these tests: it stops what the others use."""
    with Visitor(hosted.address) as visitor:
        visitor.upload(CAT, "cat.jpg")
    assert hosted.stop(signal.SIGTERM) == 0
    assert "POST" in hosted.log.read_text()
