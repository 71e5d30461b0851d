"""A published model with the head of somebody's own checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tiny_models as tiny
from models import published_names as names
from models.checkpoint_files import ONES, assert_same, under, write_safetensors
from models.torch_files import write_torch
from vitonnx.errors import CheckpointError
from vitonnx.models import ModelSpec, ViTConfig, fit_readout, random_parameters, read_checkpoint

SPEC = tiny.spec()


def check(
    folder: Path,
    arrays: names.Arrays,
    expected: ViTConfig,
    says: str,
    spec: ModelSpec = SPEC,
) -> ModelSpec:
    path = folder / "mine.st"
    write_safetensors(path, arrays)
    told: list[str] = []
    fitted = fit_readout(spec, [path], tell=told.append)
    assert fitted.config == expected
    assert told == ([f"mine.st has {says}."] if says else [])
    assert replace(fitted, config=spec.config, classes=spec.classes) == spec
    if says:
        assert fitted.classes is None
    assert_same(
        read_checkpoint([path], fitted.config), random_parameters(expected, 3), fitted.config
    )
    return fitted


@pytest.mark.parametrize("convention", [names.timm, names.huggingface, names.google])
@pytest.mark.parametrize("classes", [1, 37])
def test_other_classes(
    tmp_path: Path, convention: Callable[..., names.Arrays], classes: int
) -> None:
    config = replace(SPEC.config, classes=classes)
    arrays = convention(random_parameters(config, 3), config)
    says = f"a head of {classes} classes, where tiny_plain has one of 11"
    check(tmp_path, arrays, config, says)


def test_the_same_classes(tmp_path: Path) -> None:
    arrays = names.timm(random_parameters(SPEC.config, 3), SPEC.config)
    assert check(tmp_path, arrays, SPEC.config, "").classes == SPEC.classes


@pytest.mark.parametrize("convention", [names.timm, names.huggingface, names.google])
def test_no_head(tmp_path: Path, convention: Callable[..., names.Arrays]) -> None:
    config = replace(SPEC.config, classes=0)
    arrays = convention(random_parameters(config, 3), config)
    check(tmp_path, arrays, config, "no head, where tiny_plain has one of 11")


def test_a_head_of_no_classes_is_none(tmp_path: Path) -> None:
    config = replace(SPEC.config, classes=0)
    arrays = names.timm(random_parameters(config, 3), config)
    arrays |= {"head.weight": np.zeros((0, 21), np.float32), "head.bias": np.zeros(0, np.float32)}
    check(tmp_path, arrays, config, "no head, where tiny_plain has one of 11")


def test_a_head_on_a_backbone_without(tmp_path: Path) -> None:
    spec = tiny.spec("headless")
    config = replace(spec.config, classes=37)
    arrays = under("model.", names.timm(random_parameters(config, 3), config))
    says = "a head of 37 classes, where tiny_headless has none"
    check(tmp_path, arrays, config, says, spec)


def test_the_mean_patch_and_its_norm(tmp_path: Path) -> None:
    """As MAE and BEiT are fine-tuned."""
    config = replace(SPEC.config, pooling="mean", norm_after_pooling=True, classes=37)
    arrays = names.timm(random_parameters(config, 3), config)
    assert "fc_norm.weight" in arrays
    says = "a head of 37 classes on the mean patch, where tiny_plain has one of 11"
    check(tmp_path, arrays, config, says)


@pytest.mark.parametrize("file", ["DINO's", "DINOv2's"])
def test_linear_heads_in_files_of_their_own(tmp_path: Path, file: str) -> None:
    spec = tiny.spec("headless")
    config = replace(spec.config, pooling="cls+mean", classes=37)
    tree = random_parameters(config, 3)
    kernel, bias = tree["head/kernel"], tree["head/bias"]
    if file == "DINO's":
        head = {"module.linear.weight": kernel.T, "module.linear.bias": bias}
    else:
        head = {"weight": np.concatenate([kernel[0::2], kernel[1::2]]).T, "bias": bias}
    arrays = names.timm({name: tree[name] for name in spec.config.parameters()}, spec.config)
    files = [
        write_torch(tmp_path / "backbone.pth", arrays),
        write_torch(tmp_path / "head.pth", head),
    ]
    told: list[str] = []
    fitted = fit_readout(spec, files, tell=told.append)
    assert fitted.config == config
    assert told == [
        "backbone.pth with head.pth has a head of 37 classes on class token and mean patch, where "
        "tiny_headless has none."
    ]
    assert_same(read_checkpoint(files, fitted.config), tree, config)


def test_a_head_on_four_blocks_is_refused(tmp_path: Path) -> None:
    spec = tiny.spec("headless")
    arrays = names.timm(random_parameters(spec.config, 3), spec.config)
    backbone = write_torch(tmp_path / "backbone.pth", arrays)
    head = {"weight": np.ones((37, 5 * 21), np.float32), "bias": np.ones(37, np.float32)}
    files = [backbone, write_torch(tmp_path / "linear4_head.pth", head)]
    with pytest.raises(CheckpointError, match=r"linear_head\.weight \(37, 105\): heads read"):
        fit_readout(spec, files)


def test_a_published_linear_head_is_missed(tmp_path: Path) -> None:
    spec = tiny.spec("dino_linear")
    headless = replace(spec.config, pooling="cls", classes=0)
    arrays = names.timm(random_parameters(headless, 3), headless)
    path = write_safetensors(tmp_path / "m", arrays)
    assert fit_readout(spec, [path]) == spec
    with pytest.raises(CheckpointError, match=r"lacks linear\.weight, linear\.bias"):
        read_checkpoint([path], spec.config)


def test_another_model_is_told_by_its_shapes(tmp_path: Path) -> None:
    """And not as a head that doesn't fit."""
    wider = replace(SPEC.config, dim=24, mlp_dim=34)
    path = write_safetensors(tmp_path / "m", names.timm(random_parameters(wider, 3), wider))
    assert fit_readout(SPEC, [path]) == SPEC
    with pytest.raises(CheckpointError, match=r"patch_embed\.proj\.weight \(24, 3, 8, 8\)"):
        read_checkpoint([path], SPEC.config)


def test_distilled_heads(tmp_path: Path) -> None:
    spec = tiny.spec("distilled")
    config = replace(spec.config, classes=37)
    arrays = names.timm(random_parameters(config, 3), config)
    says = "a head of 37 classes, where tiny_distilled has one of 11"
    check(tmp_path, arrays, config, says, spec)


def test_a_description_must_fit(tmp_path: Path) -> None:
    """What reads the checkpoint has no mercy: only `fit_readout` changes the model."""
    config = replace(SPEC.config, classes=37)
    arrays = names.timm(random_parameters(config, 3), config)
    path = tmp_path / "m"
    write_safetensors(path, arrays)
    with pytest.raises(CheckpointError, match=r"head\.weight \(37, 21\) instead of \(11, 21\)"):
        read_checkpoint([path], SPEC.config)
    write_safetensors(path, arrays | {"surplus": ONES})
    with pytest.raises(CheckpointError, match="it also has surplus"):
        read_checkpoint([path], fit_readout(SPEC, [path]).config)
