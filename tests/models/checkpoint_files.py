"""What the tests of checkpoints share: write arrays under names, read them back, compare."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

import tiny_models as tiny
from models import published_names as names
from vitonnx.errors import CheckpointError
from vitonnx.models import ViTConfig, read_checkpoint

# An array that no model has.
ONES = np.ones((3, 5), np.float32)

Tree = Mapping[str, NDArray[np.float32]]


def under(prefix: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Put a prefix in front of all names."""
    return {prefix + name: array for name, array in arrays.items()}


def write_safetensors(path: Path, arrays: names.Arrays) -> Path:
    # safetensors writes memory as it lies, whatever the strides.
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)
    return path


def write_npz(path: Path, arrays: names.Arrays) -> Path:
    # A file that is open already gets no suffix.
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    return path


def read(path: Path, config: ViTConfig) -> tuple[Tree, list[str]]:
    """Give the parameters, and the sentences that the user is told."""
    told: list[str] = []
    tree = read_checkpoint([path], config, tell=told.append)
    assert not any("\n" in sentence for sentence in told)
    return tree, told


def assert_same(got: Tree, expected: Tree, config: ViTConfig) -> None:
    """Values are moved, never computed with: not a bit may differ."""
    assert list(got) == list(config.parameters())
    for name, array in got.items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name)


def refusal(path: Path) -> str:
    """Give the sentence by which a file is refused as a checkpoint of the plain model."""
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint([path], tiny.CONFIGS["plain"])
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    assert len(text) < 1_000
    return text
