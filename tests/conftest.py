from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from filelock import FileLock

from dataset.served import put, serve_bucket

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

# A shell that starts the tests in the background has them ignore Ctrl-C, and `nohup` a terminal
# that hangs up; so would every program that they start: the tests of signals need these heard.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):  # Windows has none
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


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


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The address of a server with a bucket, birds."""
    with serve_bucket("birds") as address:
        yield address


@pytest.fixture
def bucket(s3: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, bytes], str]]:
    """What stores a file in the bucket, and gives its URL."""
    from vitonnx.places import _systems

    said = {
        "AWS_ENDPOINT_URL": s3,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in said.items():
        monkeypatch.setenv(name, value)

    def store(name: str, content: bytes) -> str:
        put(f"{s3}/birds/{quote(name)}", content)
        return f"s3://birds/{name}"

    _systems.in_bucket.cache_clear()
    yield store
    _systems.in_bucket.cache_clear()
