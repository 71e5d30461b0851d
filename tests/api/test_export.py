"""``vx.export_model``: what the command exports, and what was found on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import tiny_models as tiny
import vitonnx as vx
from models import published_names
from vitonnx.errors import PrecisionError, UnknownModelError, UsageError
from vitonnx.models import random_parameters

Command = Callable[..., None]


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_command_and_the_function_write_the_same_file(
    precision: str, command: Command, described: Path, desk: Path
) -> None:
    words = ["--config", described, "--weights", "random", "--seed", "3", "--size", "24x88"]
    command("export", *words, "--precision", precision, "--force", "-o", "command.onnx")
    said: list[str] = []
    exported = vx.export_model(
        None,
        "function.onnx",
        config=described,
        weights="random",
        seed=3,
        size=(24, 88),
        precision=precision,
        force=True,
        notice=said.append,
    )
    assert (desk / "function.onnx").read_bytes() == (desk / "command.onnx").read_bytes()
    assert exported.file == Path("function.onnx")
    assert exported.manifest == vx.Engine(exported.file, device="cpu").manifest
    assert exported.manifest.size == (24, 88)
    assert 0 < exported.parity["block_01/attention"] < 1e-5
    assert any("untrained" in sentence for sentence in said)
    assert (exported.fidelity is None) == (precision == "fp32")
    if exported.fidelity is not None:
        assert exported.manifest.fidelity == exported.fidelity.numbers()
    assert {file.name for file in desk.iterdir()} == {
        "tiny.json", "command.onnx", "function.onnx",
    }  # fmt: skip


def test_a_checkpoint_in_one_file_or_several(described: Path, desk: Path) -> None:
    config = replace(tiny.BASE, mlp_dim=42)
    names = published_names.timm(random_parameters(config, 11), config)
    arrays = {name: np.ascontiguousarray(array) for name, array in names.items()}
    head = {name: arrays.pop(name) for name in list(arrays) if name.startswith("head.")}
    save_file(arrays | head, "whole.safetensors")
    save_file(arrays, "backbone.safetensors")
    save_file(head, "head.safetensors")
    parts: list[str | Path] = [desk / "backbone.safetensors", "head.safetensors"]
    whole = vx.export_model(None, "whole.onnx", config=described, weights="whole.safetensors")
    several = vx.export_model("mine", config=described, weights=parts, size=40)
    assert whole.manifest.source.file == "whole.safetensors"
    assert several.file == Path("mine.onnx")
    assert several.manifest.source.file == "backbone.safetensors + head.safetensors"
    assert (several.manifest.name, several.manifest.size) == ("mine", (40, 40))


def test_a_precision_that_costs_too_much_writes_nothing(
    described: Path, desk: Path, photographs: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vitonnx.engine._fidelity.RANK_LIMIT", 1.1)
    monkeypatch.setattr("vitonnx.engine.Fidelity.holds", lambda self: False)
    with pytest.raises(PrecisionError, match=r"fp16 costs too much.*force=True") as caught:
        vx.export_model(
            "mine",
            config=described,
            weights="random",
            precision="fp16",
            pictures=photographs,
        )
    assert (caught.value.precision, caught.value.fidelity.pictures) == ("fp16", 3)
    assert f"{caught.value.fidelity.rollout:.3f} for rollout" in str(caught.value)
    assert [file.name for file in desk.iterdir()] == ["tiny.json"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "no model given"),
        ({"name": "scenes_vit"}, r"finished file.*vitonnx\.Engine"),
        ({"name": "hf://somebody/vit"}, r"needs no export.*vitonnx\.Engine"),
        ({"config": "tiny.json"}, "--config needs --weights"),
        (
            {"config": "tiny.json", "weights": ["random", "a.pth"]},
            "random weights can't be combined",
        ),
        (
            {"config": "tiny.json", "weights": "a.pth", "seed": 3},
            "a seed applies to random weights only",
        ),
        ({"config": "tiny.json", "weights": "random", "size": "40"}, "size is '40'"),
        ({"config": "tiny.json", "weights": "random", "size": 41}, "nearest multiple is 40x40"),
        ({"config": "tiny.json", "weights": "random", "precision": "fp8"}, "'fp8' is unknown"),
        (
            {"config": "tiny.json", "weights": "random", "precision": "fp16", "calibrate": "a.png"},
            "fp16 has none",
        ),
        (
            {"config": "tiny.json", "weights": "random", "precision": "int8", "calibrate": []},
            "no picture given",
        ),
    ],
)
def test_calls_that_are_wrong(
    arguments: dict[str, Any], says: str, described: Path, desk: Path
) -> None:
    with pytest.raises(UsageError, match=says):
        vx.export_model(path="out.onnx", **arguments)
    assert [file.name for file in desk.iterdir()] == ["tiny.json"]


def test_a_name_that_nobody_has(desk: Path) -> None:
    with pytest.raises(UnknownModelError, match="dino_vits61"):
        vx.export_model("dino_vits61", "out.onnx")


def test_no_input_is_written_over(described: Path, photographs: list[np.ndarray]) -> None:
    before = described.read_bytes()
    calls: list[dict[str, Any]] = [
        {"weights": "random"},
        {"weights": "random", "precision": "int8", "pictures": [*photographs, "a.png"]},
    ]
    for arguments in calls:
        target = "a.png" if "pictures" in arguments else described
        with pytest.raises(UsageError, match="would be lost"):
            vx.export_model(None, target, config=described, **arguments)
    assert described.read_bytes() == before
