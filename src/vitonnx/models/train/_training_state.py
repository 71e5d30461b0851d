"""The state of a training in one file, written whole or not at all."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save

from vitonnx.blame import blamed_on
from vitonnx.errors import CheckpointError
from vitonnx.media import atomic_path
from vitonnx.models._brief import brief, some
from vitonnx.regular import refuse_special

__all__ = ["Progress", "impossible", "load_state", "save_parameters", "save_state"]

Variables = Mapping[str, keras.Variable | tf.Variable]


@dataclass
class Progress:
    """Settings and data of a run, and a row of measures for each epoch that is done."""

    run: dict[str, Any]
    rows: list[dict[str, float]] = field(default_factory=list)


def save_state(file: Path, variables: Variables, progress: Progress) -> None:
    """Write variables and progress into a safetensors file."""
    # Not by ascontiguousarray, which makes a row of a single number, as the count of steps is.
    arrays = {name: np.asarray(variable, order="C") for name, variable in variables.items()}
    metadata = {"run": json.dumps(progress.run), "rows": json.dumps(progress.rows)}
    with atomic_path(file) as draft:
        draft.write_bytes(save(arrays, metadata))


def load_state(
    file: Path, variables: Variables, run: dict[str, Any], *, measures: Collection[str], epochs: int
) -> Progress:
    """Set the variables to what a file holds, which isn't trusted, and give its progress.

    The rows have an epoch and these measures, and there are so many epochs at most. A
    CheckpointError says that it can't be read, is of another run, or holds what no such run leaves.
    """
    refuse_special(file, CheckpointError)
    with (
        blamed_on(file, CheckpointError, lambda reason: _unread(file, reason)),
        safe_open(file, framework="np") as state,
    ):
        metadata = state.metadata() or {}
        progress = Progress(json.loads(metadata["run"]), json.loads(metadata["rows"]))
        if not isinstance(progress.run, dict):
            raise ValueError("it describes no run")
        _refuse_other(file, progress.run, run)
        if (what := _impossible(progress.rows, {"epoch", *measures}, epochs)) is not None:
            raise impossible(file, what)
        for name, variable in variables.items():
            if state.get_slice(name).get_shape() != list(variable.shape):
                raise ValueError(f"{name} has another shape")
            variable.assign(state.get_tensor(name))
    return progress


def _unread(file: Path, reason: str) -> str:
    return f"can't read {file} as the state of a training ({reason}): start over in another folder."


def impossible(file: Path, what: str) -> CheckpointError:
    """Make the error for a state that no training leaves."""
    return CheckpointError(
        f"{file} holds a state that this training can't have written ({what}): start over "
        "in another folder."
    )


def _impossible(rows: object, keys: Collection[str], epochs: int) -> str | None:
    """Describe what is impossible in the rows of a training; None if nothing is."""
    if not isinstance(rows, list) or not 1 <= len(rows) <= epochs:
        return f"{len(rows) if isinstance(rows, list) else 'no'} epochs of {epochs}"
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict) or row.keys() != set(keys):
            return f"other measures than these in row {number}"
        if not all(isinstance(each, float) and math.isfinite(each) for each in row.values()):
            return f"other than numbers in row {number}"
        if row["epoch"] != number:
            return f"another epoch in row {number}"
    return None


def _refuse_other(file: Path, was: dict[str, Any], now: dict[str, Any]) -> None:
    changed = [
        f"{name} {brief(was.get(name))} (now {brief(now.get(name))})"
        for name in sorted(was.keys() | now.keys())
        if was.get(name) != now.get(name)
    ]
    if changed:
        raise CheckpointError(
            f"{file} belongs to a training with {some(changed)}: resume with the same settings, "
            "or start over in another folder."
        )


def save_parameters(file: Path, parameters: Mapping[str, NDArray[np.float32]]) -> None:
    """Write a network's weights, under the names of `ViTConfig.parameters`."""
    with atomic_path(file) as draft:
        contiguous = {name: np.ascontiguousarray(each) for name, each in parameters.items()}
        draft.write_bytes(save(contiguous))
