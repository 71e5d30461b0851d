"""``vitonnx doctor``: show what is installed, what works, and how to mend what doesn't."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from terminal import Outcome, assert_plain, finished, run, run_without
from vitonnx.engine.devices import DEVICES, Device, find_device
from vitonnx.runtimes import installed_runtimes

Call = Callable[..., Outcome]

FRAMEWORKS = {"tensorflow", "keras", "tf2onnx", "matplotlib", "av", "torch"}

# A device that talks past Python, in both directions, as it is looked for.
TALKING = """
import os, sys
from vitonnx.engine.devices import _nvidia
def talk():
    os.write(1, b"noise"); os.write(2, b"noise"); print("noise")
    return 1
_nvidia.count_gpus = talk
from vitonnx.cli import main
sys.exit(main(["doctor"]))
"""


def tables(outcome: Outcome) -> dict[str, dict[str, list[str]]]:
    """Each table's rows by their first cell."""
    found = {}
    for block in outcome.out.strip().split("\n\n"):
        title, *lines = block.splitlines()
        rows = [re.split(r"\s{2,}", line.strip()) for line in lines]
        found[title.strip()] = {name: cells for name, *cells in rows}
    return found


def site(folder: Path, *packages: str) -> str:
    """A folder of packages that pip knows of, before all others on the path."""
    for package in packages:
        information = folder / f"{package.replace('-', '_')}-1.20.0.dist-info"
        information.mkdir(parents=True)
        (information / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.20.0\n"
        )
    return os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))


def other_runtime() -> str:
    """A runtime that isn't the installed one."""
    return "onnxruntime-directml" if "onnxruntime" in installed_runtimes() else "onnxruntime"


def test_everything_is_listed(call: Call) -> None:
    outcome = call("doctor")
    assert (outcome.code, outcome.err) == (0, "")
    found = tables(outcome)
    assert list(found) == ["Packages", "Extras", "Devices", "Caches"]
    packages = found["Packages"]
    assert packages.pop("python") == [platform.python_version()]
    assert packages == {name: [version(name)] for name in packages}
    expected = {"vitonnx", "onnx", "onnx-ir", "ndonnx", "numpy", "av", *installed_runtimes()}
    assert set(packages) == expected
    assert found["Extras"]["export"] == ["installed"]


def test_every_device_works_or_says_why_not(call: Call) -> None:
    devices = tables(call("doctor"))["Devices"]
    assert [name for name in devices if ":" not in name] == list(DEVICES)
    assert devices["cpu"] == ["works", Device("cpu").title]
    for name, cells in devices.items():
        found = find_device(name)
        if isinstance(found, Device):
            assert cells == ["works", found.title]
        else:
            obstacle = found
            assert cells == [part for part in (obstacle.reason, obstacle.remedy) if part]


def test_quiet_leaves_the_names_of_what_works(call: Call) -> None:
    devices = tables(call("doctor"))["Devices"]
    working = [name for name, cells in devices.items() if cells[0] == "works"]
    assert call("doctor", "--quiet") == Outcome(0, "".join(f"{name}\n" for name in working), "")


def test_a_missing_extra_is_no_failure_and_says_what_to_install() -> None:
    outcome = run_without("tf2onnx safetensors", "doctor")
    assert (outcome.code, outcome.err) == (0, "")
    assert tables(outcome)["Extras"]["export"] == [
        "without tf2onnx and safetensors",
        "pip install 'vitonnx[export]'",
    ]


def test_nothing_heavy_is_imported() -> None:
    program = (
        "import sys\nfrom vitonnx.cli import main\n"
        "code = main(['doctor', '-q'])\nprint(*sys.modules, file=sys.stderr)\nsys.exit(code)"
    )
    outcome = finished([sys.executable, "-c", program])
    assert outcome.code == 0
    loaded = set(outcome.err.split())
    assert "onnxruntime" in loaded
    assert not FRAMEWORKS & loaded


def test_the_runtimes_noise_stays_unheard() -> None:
    outcome = finished([sys.executable, "-c", TALKING])
    assert (outcome.code, outcome.err) == (0, "")
    assert "noise" not in outcome.out
    # What was printed before, and waited in Python's buffer, is not lost with the noise.
    assert list(tables(outcome)) == ["Packages", "Extras", "Devices", "Caches"]


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_two_runtimes_are_a_failure(quiet: list[str], tmp_path: Path) -> None:
    other, (mine, *_) = other_runtime(), installed_runtimes()
    outcome = run("doctor", *quiet, PYTHONPATH=site(tmp_path / "site", other))
    assert outcome.code == 1
    (error,) = outcome.errors
    assert len(outcome.err.splitlines()) == 1
    # The line to type names packages one after the other, as no sentence would.
    assert_plain(re.sub("`.*`", "`this`", error))
    assert re.search(rf"`pip uninstall -y (?=.*{other}\b)(?=.*{mine}\b).* && pip install", error)
    if quiet:
        assert "cpu" in outcome.out.split()
    else:
        assert tables(outcome)["Packages"][other] == ["1.20.0"]
        assert tables(outcome)["Devices"]["cpu"][0] == "works"


def broken(folder: Path) -> None:
    (folder / "onnxruntime").mkdir(parents=True)
    (folder / "onnxruntime" / "__init__.py").write_text(
        "raise ImportError('libgreat.so.7: cannot open shared object file')"
    )


def test_a_runtime_that_cannot_be_imported_is_a_failure(tmp_path: Path) -> None:
    broken(tmp_path / "site")
    outcome = run("doctor", PYTHONPATH=site(tmp_path / "site"))
    assert outcome.code == 1
    (error,) = outcome.errors
    assert_plain(error)
    assert "libgreat.so.7" in error
    # What is installed is told all the same.
    assert tables(outcome)["Packages"]["numpy"] == [version("numpy")]


def test_two_runtimes_that_broke_each_other(tmp_path: Path) -> None:
    """The reason is what helps, and not which file was missed first."""
    broken(tmp_path / "site")
    outcome = run("doctor", PYTHONPATH=site(tmp_path / "site", other_runtime()))
    assert outcome.code == 1
    (error,) = outcome.errors
    assert "pip uninstall" in error
    assert other_runtime() in tables(outcome)["Packages"]


def test_a_cpu_that_does_not_work_is_a_failure(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vitonnx.engine.devices._choose.loads_and_runs", lambda device: False)
    outcome = call("doctor")
    assert outcome.code == 1
    assert tables(outcome)["Devices"]["cpu"] == ["onnxruntime doesn't load"]
    assert outcome.errors == ["the CPU can't be used: onnxruntime doesn't load."]


def test_caches_are_measured(tmp_path: Path) -> None:
    folder = tmp_path / "vitonnx"
    for name, size in {"plans/a.onnx": 1009, "plans/b/c.onnx": 2003, "0.1.0/d.onnx": 5003}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(bytes(size))
    caches = tables(run("doctor", XDG_CACHE_HOME=str(tmp_path)))["Caches"]
    assert caches == {
        str(folder): ["8.0 kB"],
        str(folder / "0.1.0"): ["5.0 kB"],
        str(folder / "plans"): ["3.0 kB", "268.4 MB at most"],
    }


def test_no_cache_is_no_failure(tmp_path: Path) -> None:
    outcome = run("doctor", XDG_CACHE_HOME=str(tmp_path))
    assert outcome.code == 0
    assert tables(outcome)["Caches"] == {
        str(tmp_path / "vitonnx"): ["0 bytes"],
        str(tmp_path / "vitonnx" / "plans"): ["0 bytes", "268.4 MB at most"],
    }
    assert not (tmp_path / "vitonnx").exists()
