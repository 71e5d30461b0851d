"""What is no model, or not one for us: refused before any picture is drawn."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image

from terminal import Outcome, assert_refused, contents

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]

Commands = pytest.mark.parametrize(
    "command", [["inspect"], ["probe", "heads"], ["probe", "rollout"]], ids=" ".join
)


@pytest.fixture
def refused(call: Call, pictures: Path, desk: Path) -> Callable[..., None]:
    """Check that a command refuses a model, and writes nothing."""

    def refused(command: list[str], model: str | Path, code: int, *parts: str) -> None:
        inputs = [pictures / "landscape.png"] if command[0] == "probe" else []
        before = contents(desk)
        assert_refused(call(*command, model, *inputs), code, *parts)
        assert contents(desk) == before

    return refused


def with_manifest(file: Path, change: Callable[[dict[str, Any]], object], to: str) -> str:
    """Write another manifest into an exported file; None takes it out."""
    model = onnx.load(file)
    (entry,) = (entry for entry in model.metadata_props if entry.key == "vitonnx.manifest")
    changed = change(json.loads(entry.value))
    if changed is None:
        model.metadata_props.remove(entry)
    else:
        entry.value = changed if isinstance(changed, str) else json.dumps(changed)
    onnx.save(model, to)
    return to


@Commands
def test_a_missing_file(command: list[str], refused: Callable[..., None]) -> None:
    refused(command, "nowhere/dino.onnx", 1, "nowhere/dino.onnx", "vitonnx export")


@Commands
def test_a_folder(command: list[str], refused: Callable[..., None], desk: Path) -> None:
    (desk / "model.onnx").mkdir()
    refused(command, "model.onnx", 1, "model.onnx", "folder", "file in it")


@Commands
def test_an_empty_file(command: list[str], refused: Callable[..., None], desk: Path) -> None:
    (desk / "model.onnx").touch()
    refused(command, "model.onnx", 1, "model.onnx is empty", "again")


@Commands
@pytest.mark.parametrize("kind", ["text", "picture", "cut off"])
def test_no_onnx_file(
    kind: str, command: list[str], refused: Callable[..., None], exported: Exported, desk: Path
) -> None:
    if kind == "text":
        (desk / "model.onnx").write_text("Dear model,\n" * 99)
    elif kind == "picture":
        Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(desk / "model.onnx", "png")
    else:
        (desk / "model.onnx").write_bytes(exported("plain").read_bytes()[:30_001])
    refused(command, "model.onnx", 1, "model.onnx", "ONNX model", "damaged", "again")


@Commands
def test_no_manifest(command: list[str], refused: Callable[..., None], exported: Exported) -> None:
    model = with_manifest(exported("plain"), lambda manifest: None, "plain.onnx")
    refused(command, model, 1, "plain.onnx has no vitonnx manifest", "`vitonnx tap`")


@Commands
def test_a_manifest_of_a_newer_contract(
    command: list[str], refused: Callable[..., None], exported: Exported
) -> None:
    def newer(manifest: dict[str, Any]) -> dict[str, Any]:
        del manifest["grid"]  # who knows what the future has instead
        return {**manifest, "contract_version": 3}

    model = with_manifest(exported("plain"), newer, "newer.onnx")
    refused(command, model, 1, "newer.onnx", "version 3", "version 2", "pip install -U vitonnx")


@Commands
def test_a_manifest_that_lacks_a_key(
    command: list[str], refused: Callable[..., None], exported: Exported
) -> None:
    def lacking(manifest: dict[str, Any]) -> dict[str, Any]:
        del manifest["prefix_tokens"]
        return manifest

    model = with_manifest(exported("plain"), lacking, "lacking.onnx")
    refused(command, model, 1, "lacking.onnx", "damaged manifest", "prefix_tokens", "again")


@Commands
@pytest.mark.parametrize(
    "changes", [{"grid": "wide"}, {"preprocessing": None}, {"blocks": "two"}], ids=str
)
def test_a_manifest_of_other_types(
    changes: dict[str, Any], command: list[str], refused: Callable[..., None], exported: Exported
) -> None:
    model = with_manifest(exported("plain"), lambda manifest: manifest | changes, "typed.onnx")
    refused(command, model, 1, "typed.onnx", "damaged manifest", *changes)


@pytest.mark.parametrize("command", [["probe", "rollout"]], ids=" ".join)
@pytest.mark.parametrize(
    "changes",
    [
        {"grid": [7, 5]},
        {"blocks": 5},
    ],
    ids=str,
)
def test_a_manifest_of_another_graph(
    changes: dict[str, Any], command: list[str], refused: Callable[..., None], exported: Exported
) -> None:
    model = with_manifest(exported("plain"), lambda manifest: manifest | changes, "other.onnx")
    refused(command, model, 1, "other.onnx", "manifest", "xport the model again")


@pytest.mark.parametrize("command", [["probe", "heads"], ["probe", "rollout"]], ids=" ".join)
def test_an_unknown_name_lists_the_nearest(
    command: list[str], refused: Callable[..., None]
) -> None:
    parts = ["dino_vits17", "nearest", "dino_vits16", "dino_vits8", "vitonnx models"]
    refused(command, "dino_vits17", 2, *parts)


@pytest.mark.parametrize("command", [["probe", "heads"], ["probe", "rollout"]], ids=" ".join)
def test_a_name_that_is_near_to_nothing(command: list[str], refused: Callable[..., None]) -> None:
    refused(command, "#", 2, "'#'", "vitonnx models")
