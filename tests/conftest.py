from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

import tiny

# TensorFlow talks while it is imported; and its own kernels give the same numbers everywhere.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

# Planned graphs are kept in a cache of the tests' own, which goes when they end.
CACHE = tempfile.TemporaryDirectory(prefix="vitonnx-tests-")
os.environ["XDG_CACHE_HOME"] = CACHE.name

# A shell that starts the tests in the background has them ignore Ctrl-C, and so would every
# program that they start: the tests of Ctrl-C need it heard.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give the exported file of a tiny model; each is exported once a run."""
    from vitonnx.export import export_model

    folder = tmp_path_factory.mktemp("exported")

    def file(kind: str = "plain") -> Path:
        path = folder / f"{kind}.onnx"
        if not path.exists():
            export_model(tiny.spec(kind), path, weights=7)
        return path

    return file
