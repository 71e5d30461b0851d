"""The wheel that is made of the installed package: what a build gives, but for the version."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from importlib.metadata import distribution, version
from importlib.resources import files
from pathlib import Path

import pytest
from wheel.wheelfile import WheelFile

from vitonnx.app._wheel import package_files, write_wheel

ROOT = Path(__file__).parent.parent.parent
OWN = f"{version('vitonnx')}+space"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wheel(tmp_path_factory.mktemp("wheel"))


def read(wheel: Path) -> dict[str, bytes]:
    """All files of a wheel, after a comparison with its RECORD, which is left out."""
    with WheelFile(wheel) as opened:
        held = {name: opened.read(name) for name in opened.namelist()}
    return {name: content for name, content in held.items() if not name.endswith("/RECORD")}


def test_it_is_the_package_that_runs_here(wheel: Path) -> None:
    package = Path(str(files("vitonnx")))
    ours = {
        f"vitonnx/{file.relative_to(package).as_posix()}": file.read_bytes()
        for file in package.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    held = read(wheel)
    assert "vitonnx/demo/models/scenes_dino.onnx" in held
    assert {name: held[name] for name in held if name.startswith("vitonnx/")} == ours


def test_it_says_of_itself_what_is_installed_but_for_the_version(wheel: Path) -> None:
    held, home = read(wheel), f"vitonnx-{OWN}.dist-info"
    parts = ("METADATA", "WHEEL", "entry_points.txt", "licenses/LICENSE")
    assert {name for name in held if not name.startswith("vitonnx/")} == {
        f"{home}/{part}" for part in parts
    }
    for part in parts:
        installed = (distribution("vitonnx").read_text(part) or "").splitlines()
        found = held[f"{home}/{part}"].decode().splitlines()
        differ = [pair for pair in zip(installed, found, strict=True) if pair[0] != pair[1]]
        version_line = f"Version: {version('vitonnx')}", f"Version: {OWN}"
        assert differ == ([version_line] if part == "METADATA" else [])


def test_it_is_the_same_every_time(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "SOURCE_DATE_EPOCH" not in os.environ
    assert write_wheel(tmp_path).read_bytes() == wheel.read_bytes()
    with WheelFile(wheel) as opened:
        assert {entry.date_time for entry in opened.infolist()} == {(2020, 2, 2, 0, 0, 0)}
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    with WheelFile(write_wheel(tmp_path)) as opened:
        assert {entry.date_time[0] for entry in opened.infolist()} == {2023}


def test_what_desktops_and_python_leave_stays_behind() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.py", "b/c.css", "__pycache__/a.pyc", "b/.DS_Store", ".cache/d"):
            path = Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.touch()
        assert package_files(Path(folder)) == [Path(folder, "a.py"), Path(folder, "b/c.css")]


def test_pip_installs_it(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=False)
    scripts = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin")
    pip = [sys.executable, "-m", "pip", "--python", str(scripts / "python")]
    words = ["install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps"]
    subprocess.run([*pip, *words, str(wheel)], check=True, cwd=tmp_path)
    # Isolated from this environment's paths: what was installed is all that can be imported.
    asked = "import vitonnx; from importlib.metadata import version as v; print(v('vitonnx'))"
    done = subprocess.run(
        [scripts / "python", "-I", "-c", asked], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{OWN}\n"
    assert shutil.which("vitonnx", path=str(scripts))


@pytest.mark.page
def test_it_is_what_a_build_gives_but_for_the_version(wheel: Path, tmp_path: Path) -> None:
    """Needs the network, for the build's backend."""
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir"]
    subprocess.run([*build, str(tmp_path), str(ROOT)], check=True)
    (built,) = tmp_path.iterdir()
    expected, found = read(built), read(wheel)
    as_built = {
        name.replace(f"vitonnx-{OWN}", f"vitonnx-{version('vitonnx')}"): content
        for name, content in found.items()
    }
    assert sorted(as_built) == sorted(expected)
    # An editable install's METADATA may be of an older README; a test above compares it.
    for name in {*expected} - {f"vitonnx-{version('vitonnx')}.dist-info/METADATA"}:
        assert as_built[name] == expected[name], name
