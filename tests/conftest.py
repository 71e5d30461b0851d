from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

pytest_plugins = ["fuzz.options"]

# TensorFlow talks while it is imported; and its own kernels give the same numbers everywhere.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

# Of several workers, each has a share of the cores, and all that it starts: libraries that take
# every core for themselves would wait for each other.
if "PYTEST_XDIST_WORKER" in os.environ and sys.platform == "linux":
    number = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw"))
    workers = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[number % len(cores) :: workers])

# Planned graphs are kept in a cache of the tests' own, one for all workers; it goes when they end.
PREFIX = "vitonnx-tests-"
if PREFIX not in os.environ.get("XDG_CACHE_HOME", ""):
    CACHE = tempfile.TemporaryDirectory(prefix=PREFIX)
    os.environ["XDG_CACHE_HOME"] = CACHE.name

# A shell that starts the tests in the background has them ignore Ctrl-C, and so would every
# program that they start: the tests of Ctrl-C need it heard.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--load",
        action="store_true",
        help="let each test that is marked load take its minutes, instead of a shortened run",
    )


@pytest.fixture(scope="session")
def load(request: pytest.FixtureRequest) -> bool:
    """Whether load tests take their minutes."""
    return bool(request.config.getoption("--load"))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The empty folder we work in."""
    folder = tmp_path / "desk"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give the exported file of a tiny model; each is exported once a run, for all workers."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # which the workers share
    folder /= "exported"
    folder.mkdir(exist_ok=True)

    def file(kind: str = "plain") -> Path:
        path = folder / f"{kind}.onnx"
        if not path.exists():
            with FileLock(folder / f"{kind}.lock"):
                if not path.exists():
                    _export(kind, path)
        return path

    return file


def _export(kind: str, path: Path) -> None:
    import tiny_models as tiny
    from vitonnx.export import export_model

    spec = tiny.imagenet_spec() if kind == "imagenet" else tiny.spec(kind)
    export_model(spec, path, weights=7)
