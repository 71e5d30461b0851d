from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import tiny_models
from vitonnx.cli import main


@pytest.fixture
def command(desk: Path) -> Callable[..., None]:
    """Run a command in this process, on the desk; it must do its work."""

    def command(*words: str | Path) -> None:
        assert main([str(word) for word in words]) == 0

    return command


@pytest.fixture
def described(desk: Path) -> Path:
    """A file on the desk that describes a tiny model, in our own fields."""
    (desk / "tiny.json").write_text(json.dumps(tiny_models.DESCRIBED))
    return Path("tiny.json")


@pytest.fixture
def photographs() -> list[np.ndarray]:
    """Three pictures of noise, of unequal sides."""
    random = np.random.default_rng(3)
    return [random.integers(0, 256, (sides, 83, 3), np.uint8) for sides in (61, 71, 97)]
