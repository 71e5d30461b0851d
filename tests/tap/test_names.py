"""What a tapped model is called, and that it can be part of a file's name."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from tap.foreign_vit import ForeignViT
from tap.tapping import Call, done
from terminal import assert_refused, contents
from vitonnx.errors import UsageError
from vitonnx.modelfile import load_manifest
from vitonnx.tap import tap
from vitonnx.tap._naming import name_of

TIMM = {"architecture": "vit_tiny_patch16_224", "pretrained_cfg": {"tag": "augreg_in21k"}}


@pytest.mark.parametrize(
    ("file", "config", "name"),
    [
        ("dinov2-small/onnx/model.onnx", None, "dinov2-small"),
        ("dinov2-small/onnx/model_quantized.onnx", None, "dinov2-small"),
        ("dinov2-small/model_q4f16.onnx", None, "dinov2-small"),
        ("dinov2-small/model.onnx", {}, "dinov2-small"),
        ("dinov2-small/model.onnx", {"_name_or_path": ""}, "dinov2-small"),
        ("dinov2-small/model.onnx", {"_name_or_path": 3}, "dinov2-small"),
        ("Downloads/model.onnx", {"_name_or_path": "facebook/dinov2-small"}, "dinov2-small"),
        ("Downloads/onnx/model.onnx", {"_name_or_path": "facebook/vit-mae/"}, "vit-mae"),
        ("a/model.onnx", {"_name_or_path": "C:\\models\\my vit"}, "my-vit"),
        ("a/model.onnx", {"_name_or_path": "../..\n\x1b[31m/:?"}, "a"),
        ("a/model.onnx", TIMM, "vit_tiny_patch16_224.augreg_in21k"),
        ("a/model.onnx", {"architecture": "vit_tiny_patch16_224"}, "vit_tiny_patch16_224"),
        ("a/dino_vits16.onnx", {"_name_or_path": "facebook/dinov2-small"}, "dino_vits16"),
        ("a/my_model.onnx", None, "my_model"),
        ("a/models.onnx", None, "models"),
    ],
)
def test_name(file: str, config: dict[str, object] | None, name: str, tmp_path: Path) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    if config is not None:
        (tmp_path / file.partition("/")[0] / "config.json").write_text(json.dumps(config))
    assert name_of(path) == name


@pytest.mark.parametrize("text", ["[1]", "Dear model", "\ud800", "[" * 100_000])
def test_a_config_that_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "vit").mkdir()
    (tmp_path / "vit" / "config.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    assert name_of(tmp_path / "vit" / "model.onnx") == "vit"


def test_in_the_file(call: Call, desk: Path) -> None:
    (desk / "dinov2-small" / "onnx").mkdir(parents=True)
    onnx.save(ForeignViT().model(), desk / "dinov2-small" / "onnx" / "model.onnx")
    words = ["tap", "dinov2-small/onnx/model.onnx", "--preprocess", "half", "-o", "out.onnx"]
    done(call(*words))
    assert load_manifest(Path("out.onnx")).name == "dinov2-small"
    done(call(*words, "--name", "mine.v2"))
    assert load_manifest(Path("out.onnx")).name == "mine.v2"


@pytest.mark.parametrize("name", ["", "a/b", "..", "a b", "a\nb", ".hidden", "x" * 300])
def test_a_name_that_is_none(name: str, vit_file: str, call: Call, desk: Path) -> None:
    before = contents(desk)
    outcome = call("tap", vit_file, "--preprocess", "half", "-o", "out.onnx", "--name", name)
    assert_refused(outcome, 2, "can't be part of a file name")
    assert contents(desk) == before
    with pytest.raises(UsageError):
        tap(Path(vit_file), desk / "out.onnx", preprocess="half", name=name)
