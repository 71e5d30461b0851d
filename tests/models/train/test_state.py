"""The state of a training: all of it comes back, and no other's is taken for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from vitonnx.errors import CheckpointError
from vitonnx.models.train._training_state import Progress, load_state, save_state

RUN: dict[str, Any] = {"width": 12, "learning_rate": None, "classes": ["cat", "dog"]}
ROWS = [{"epoch": 1.0, "loss": 0.1 + 0.2}, {"epoch": 2.0, "loss": 1 / 3}]


def load(file: Path, state: dict[str, tf.Variable], run: dict[str, Any]) -> Progress:
    return load_state(file, state, run, measures=["loss"], epochs=2)


def variables(value: float = 0.0) -> dict[str, tf.Variable]:
    return {
        "vit/kernel": tf.Variable(np.full((3, 5), value, np.float32)),
        "optimizer/0": tf.Variable(int(value), dtype=tf.int64),
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "state.safetensors"
    save_state(path, variables(7.0), Progress(RUN, ROWS))
    return path


def test_all_of_it_comes_back(file: Path) -> None:
    state = variables()
    progress = load(file, state, RUN)
    assert progress.rows == ROWS  # to the last bit: JSON writes floats that read the same
    np.testing.assert_array_equal(state["vit/kernel"].numpy(), np.full((3, 5), 7, np.float32))
    assert state["optimizer/0"].numpy() == 7
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"width": 13}, "width 12 (now 13)"),
        ({"learning_rate": 0.1}, "learning_rate None (now 0.1)"),
        ({"classes": ["cat", "eel"], "width": 7}, "width 12 (now 7)"),
        ({"depth": 3}, "depth None (now 3)"),
    ],
    ids=str,
)
def test_another_run_is_told_by_what_differs(
    file: Path, changes: dict[str, Any], said: str
) -> None:
    state = variables()
    with pytest.raises(CheckpointError, match="resume with the same settings") as caught:
        load(file, state, RUN | changes)
    assert said in str(caught.value)
    assert str(caught.value).count("(now") == len(changes)
    assert np.all(state["vit/kernel"].numpy() == 0)


@pytest.mark.parametrize("kind", ["empty", "cut", "text", "bare", "folder"])
def test_a_broken_file(file: Path, kind: str) -> None:
    whole = file.read_bytes()
    if kind == "folder":
        file.unlink()
        file.mkdir()
    elif kind == "bare":
        from safetensors.numpy import save_file

        save_file({"vit/kernel": np.zeros((3, 5), np.float32)}, file)
    else:
        file.write_bytes({"empty": b"", "cut": whole[:-9], "text": b"Dear state,\n" * 9}[kind])
    with pytest.raises(CheckpointError, match=r"can't read .* as the state of a training"):
        load(file, variables(), RUN)


def test_another_networks_variables(file: Path) -> None:
    other = {**variables(), "vit/kernel": tf.Variable(np.zeros((5, 3), np.float32))}
    with pytest.raises(CheckpointError, match="state of a training"):
        load(file, other, RUN)
    with pytest.raises(CheckpointError, match="state of a training"):
        load(file, {**variables(), "vit/bias": tf.Variable([0.0])}, RUN)


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ({}, "no epochs of 2"),
        ([*ROWS, {"epoch": 3.0, "loss": 0.5}], "3 epochs of 2"),
        ([[0.5]], "other measures"),
        ([{"epoch": 1.0, "accuracy": 0.5}], "other measures"),
        ([{"epoch": 1.0, "loss": "0.5"}], "other than numbers"),
        ([{"epoch": 1.0, "loss": float("nan")}], "other than numbers"),
        ([{"epoch": 2.0, "loss": 0.5}], "another epoch"),
    ],
    ids=str,
)
def test_rows_that_no_training_leaves(tmp_path: Path, rows: Any, what: str) -> None:
    """All is told in one way, before a variable is changed."""
    path, state = tmp_path / "state.safetensors", variables()
    save_state(path, variables(7.0), Progress(RUN, rows))
    with pytest.raises(
        CheckpointError, match=f"holds a state that this training can't have written .{what}"
    ):
        load(path, state, RUN)
    assert np.all(state["vit/kernel"].numpy() == 0)
