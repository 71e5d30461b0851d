"""What a state file knows a run by: whatever changes its numbers changes these words."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx_ir as ir
import pytest

import vitonnx as vx
from vitonnx.engine import run_settings

Exported = Callable[[str], Path]


@pytest.fixture
def settings(exported: Exported) -> Callable[..., dict[str, str | int]]:
    """Describe a run that differs from the usual in what is given."""

    def describe(
        *,
        kind: str = "plain",
        models: int = 1,
        files: tuple[str, ...] = ("a", "b"),
        probe: Any = None,
        **options: Any,
    ) -> dict[str, str | int]:
        engines = [vx.Engine(exported(kind), device="cpu", **options)] * models
        return run_settings(engines, [Path(name) for name in files], probe or vx.Distance())

    return describe


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"kind": "distilled"}, {"model 1's hash"}),
        ({"probe": vx.Distance(renormalize=True)}, {"the probe"}),
        ({"threads": 1}, {"model 1's threads"}),
        ({"size": (24, 88)}, {"model 1's input size"}),
        ({"files": ("b", "a")}, {"the hash of the pictures' names and places"}),
        ({"files": ("a", "c")}, {"the hash of the pictures' names and places"}),
    ],
)
def test_a_change_is_seen(
    change: dict[str, Any], names: set[str], settings: Callable[..., dict[str, str | int]]
) -> None:
    usual, changed = settings(), settings(**change)
    assert {name for name in usual if usual[name] != changed[name]} == names


def test_the_same_run_is_the_same(
    settings: Callable[..., dict[str, str | int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = settings()
    assert settings() == usual
    assert {"model 1's batch size", "model 1's precision", "model 1's device"} < set(usual)
    monkeypatch.setattr("vitonnx.engine._batches.LARGEST_BATCH", 3)
    assert settings()["model 1's batch size"] == 3


def test_names_mean_the_files_that_they_are_in_this_folder(
    settings: Callable[..., dict[str, str | int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = settings()
    monkeypatch.chdir(tmp_path)
    assert settings() != usual


@pytest.mark.parametrize("name", ["model.onnx.data", "weights.bin"])
def test_weights_beside_the_graph_count(name: str, exported: Exported, tmp_path: Path) -> None:
    """By whatever name the model calls their file; and no other file does."""
    file = tmp_path / "model.onnx"
    ir.save(ir.load(exported("plain")), file, external_data=name)
    engine = vx.Engine(file, device="cpu")
    before = run_settings([engine], [], vx.Distance())
    (tmp_path / "model.onnx.date").write_bytes(b"no weights")
    assert run_settings([engine], [], vx.Distance()) == before
    weights = tmp_path / name
    weights.write_bytes(weights.read_bytes()[::-1])
    assert run_settings([engine], [], vx.Distance()) != before


def test_a_pipe_that_no_model_reads_is_left_alone(exported: Exported, tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(exported("plain").read_bytes())
    os.mkfifo(tmp_path / "model.onnx.data")
    assert run_settings([vx.Engine(file, device="cpu")], [], vx.Distance())
