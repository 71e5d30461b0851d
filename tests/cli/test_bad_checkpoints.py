"""Checkpoints that can't be exported: a sentence, and no file."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import tiny_models as tiny
from models import published_names as names
from models import torch_files as pth
from terminal import Outcome, assert_refused, contents
from vitonnx.models import ViTConfig, random_parameters

CONFIG = replace(tiny.BASE, mlp_dim=42)


@pytest.fixture
def refused(call: Callable[..., Outcome], described: str, desk: Path) -> Callable[..., None]:
    """Check that a checkpoint is refused, and that an older file is left as it was."""
    (desk / "out.onnx").write_bytes(b"older")

    def refused(weights: str, *parts: str) -> None:
        before = contents(desk)
        outcome = call("export", "--config", described, "--weights", weights, "-o", "out.onnx")
        assert_refused(outcome, 1, weights, *parts)
        assert contents(desk) == before

    return refused


def save(config: ViTConfig, file: str) -> dict[str, np.ndarray]:
    arrays = names.timm(random_parameters(config, 3), config)
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, file)
    return dict(arrays)


def test_a_missing_file(refused: Callable[..., None]) -> None:
    refused("nowhere.safetensors", "path")


def test_a_folder(refused: Callable[..., None], desk: Path) -> None:
    (desk / "weights").mkdir()
    refused("weights", "folder", "model.safetensors")


def test_an_empty_file(refused: Callable[..., None], desk: Path) -> None:
    (desk / "model.safetensors").touch()
    refused("model.safetensors", "again")


def test_something_else(refused: Callable[..., None], desk: Path) -> None:
    (desk / "model.safetensors").write_text("Dear weights,\n" * 99)
    refused("model.safetensors", ".safetensors", ".pth", ".npz")


def test_a_deeper_model(refused: Callable[..., None]) -> None:
    save(replace(CONFIG, blocks=3), "model.safetensors")
    refused("model.safetensors", "blocks.2.", "--config")


def test_a_wider_model(refused: Callable[..., None]) -> None:
    save(replace(CONFIG, dim=24), "model.safetensors")
    refused("model.safetensors", "cls_token", "24", "21")


def test_a_model_without_a_head(refused: Callable[..., None]) -> None:
    save(replace(CONFIG, classes=0), "model.safetensors")
    refused("model.safetensors", "head.weight", "head.bias")


def test_a_model_of_another_kind(refused: Callable[..., None], desk: Path) -> None:
    save_file({"conv1.weight": np.ones((2, 3), np.float32)}, desk / "resnet.safetensors")
    refused("resnet.safetensors", "conv1.weight")


@pytest.mark.parametrize("kept", [5, 300, 20_001, -1])
def test_a_truncated_safetensors(kept: int, refused: Callable[..., None], desk: Path) -> None:
    save(CONFIG, "model.safetensors")
    content = (desk / "model.safetensors").read_bytes()
    (desk / "model.safetensors").write_bytes(content[:kept])
    refused("model.safetensors", "again")


@pytest.mark.parametrize("kept", [300, 20_001, -1])
def test_a_truncated_pth(kept: int, refused: Callable[..., None], desk: Path) -> None:
    arrays = names.timm(random_parameters(CONFIG, 3), CONFIG)
    content = pth.write_torch(desk / "model.pth", arrays).read_bytes()
    (desk / "model.pth").write_bytes(content[:kept])
    refused("model.pth", "again")


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "stream"])
def test_a_pth_that_would_run_code_runs_none(
    legacy: bool, refused: Callable[..., None], desk: Path
) -> None:
    """As torch.save would write it, with one call more."""
    command = pth.call(pth.ask("os", "system"), pth.text(f"touch {desk / 'trapped'}"))
    arrays = names.timm(random_parameters(CONFIG, 3), CONFIG)
    content = pth.ordered(pth.state_dict(arrays, legacy=legacy) | {"extra": command})
    (pth.write_stream if legacy else pth.write_zip)(desk / "model.pth", content, arrays)
    refused("model.pth", "os.system")
    assert not (desk / "trapped").exists()


def test_the_trap_would_have_worked(desk: Path) -> None:
    """Python's own pickle falls into it."""
    command = pth.call(pth.ask("os", "system"), pth.text(f"touch {desk / 'trapped'}"))
    pickle.loads(pth.PROTO + command + pth.STOP)
    assert (desk / "trapped").exists()


def test_weights_that_are_no_numbers(
    call: Callable[..., Outcome], described: str, desk: Path
) -> None:
    arrays = save(CONFIG, "model.safetensors")
    arrays["blocks.1.norm2.weight"][4] = np.nan
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, "nan.st")
    before = contents(desk)
    outcome = call("export", "--config", described, "--weights", "nan.st")
    assert_refused(outcome, 1, "block_01/tokens", "nothing was written", "weights")
    assert contents(desk) == before
