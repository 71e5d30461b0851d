"""DINOv2's own files: names, registers, chunks and heads as its authors publish them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tiny_models as tiny
from models import published_names as names
from models.checkpoint_files import ONES, assert_same, read, under, write_safetensors
from models.torch_files import write_nested, write_torch
from vitonnx.errors import CheckpointError
from vitonnx.models import find_model, random_parameters, read_checkpoint

# As the authors lay it out: the class token has a position, the registers have none.
AUTHORS = replace(tiny.CONFIGS["class_placed"], classes=0, layer_scale=True, blocks=5)
# As timm does, and the registry: the row is added to the token.
TIMMS = replace(AUTHORS, position_prefix=())
WITHOUT = replace(AUTHORS, prefix_tokens=("cls",))
TREE = random_parameters(AUTHORS, 3)
TREE_WITHOUT = random_parameters(WITHOUT, 3)
MASK = ["m.pth: ignored mask_token, not part of the model."]


@pytest.mark.parametrize("chunk", [0, 2, 5])
def test_without_registers(tmp_path: Path, chunk: int) -> None:
    arrays = names.dinov2(TREE_WITHOUT, WITHOUT, chunk=chunk)
    tree, told = read(write_torch(tmp_path / "m.pth", arrays), WITHOUT)
    assert_same(tree, TREE_WITHOUT, WITHOUT)
    assert told == MASK


@pytest.mark.parametrize("chunk", [0, 2, 5])
def test_with_registers(tmp_path: Path, chunk: int) -> None:
    arrays = names.dinov2(TREE, AUTHORS, chunk=chunk)
    path = write_torch(tmp_path / "m.pth", arrays)
    tree, told = read(path, AUTHORS)
    assert_same(tree, TREE, AUTHORS)
    assert told == MASK
    tree, told = read(path, TIMMS)
    positions = TREE["position_embedding"]
    assert positions.shape == (1 + 5 * 7, 21)
    moved = {
        "cls_token": TREE["cls_token"] + positions[:1],
        "position_embedding": positions[1:],
    }
    assert_same(tree, TREE | moved, TIMMS)
    assert told == MASK


def test_chunks_keep_blocks_above_nine_in_order(tmp_path: Path) -> None:
    deep = replace(WITHOUT, blocks=13)
    tree = random_parameters(deep, 3)
    write_safetensors(tmp_path / "m", names.dinov2(tree, deep, chunk=4))
    assert "blocks.2.10.norm1.bias" in names.dinov2(tree, deep, chunk=4)
    assert_same(read(tmp_path / "m", deep)[0], tree, deep)
    with pytest.raises(CheckpointError, match=r"it lacks blocks\.13\."):
        read(tmp_path / "m", replace(deep, blocks=14))


def test_chunks_that_number_their_own_blocks_are_refused(tmp_path: Path) -> None:
    arrays = names.dinov2(TREE_WITHOUT, WITHOUT, chunk=2)
    turned = {name.replace("blocks.1.2.", "blocks.1.0."): value for name, value in arrays.items()}
    write_safetensors(tmp_path / "m", turned)
    with pytest.raises(CheckpointError, match=r"it lacks blocks\.2\."):
        read(tmp_path / "m", WITHOUT)


def test_a_training_checkpoint(tmp_path: Path) -> None:
    heads = {"dino_head.mlp.0.weight": ONES, "ibot_head.last_layer.weight_v": ONES}
    teacher = under("backbone.", names.dinov2(TREE, AUTHORS, chunk=2)) | heads
    student = under("backbone.", names.dinov2(random_parameters(AUTHORS, 4), AUTHORS)) | heads
    content = {
        "model": under("student.", student) | under("teacher.", teacher),
        "optimizer": {"state": {"student.backbone.cls_token": {"exp_avg": ONES}}},
    }
    tree, told = read(write_nested(tmp_path / "m.pth", content), AUTHORS)
    assert_same(tree, TREE, AUTHORS)
    assert len(told) == 2
    assert "using model.teacher.backbone" in told[0]
    assert "ignored optimizer, mask_token, dino_head.*, ibot_head.*" in told[1]
    # The evaluation's file.
    content = {"teacher": teacher}
    tree, told = read(write_nested(tmp_path / "m.pth", content), AUTHORS)
    assert_same(tree, TREE, AUTHORS)
    assert len(told) == 1


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("prefix", ["", "dinov2.", "dinov2_with_registers.", "model.dinov2."])
def test_hugging_face(tmp_path: Path, version: int, prefix: str) -> None:
    arrays = names.huggingface_dinov2(TREE, AUTHORS, version=version)
    write_safetensors(tmp_path / "m.st", under(prefix, arrays))
    tree, told = read(tmp_path / "m.st", AUTHORS)
    assert_same(tree, TREE, AUTHORS)
    assert told == ["m.st: ignored embeddings.mask_token, not part of the model."]
    token = read(tmp_path / "m.st", TIMMS)[0]["cls_token"]
    np.testing.assert_array_equal(token, TREE["cls_token"] + TREE["position_embedding"][:1])


def test_the_head_reads_class_token_then_mean_patch(tmp_path: Path) -> None:
    """Side by side in the authors' file, interleaved in ours."""
    config = replace(AUTHORS, pooling="cls+mean", classes=11)
    tree = random_parameters(config, 3)
    kernel = tree["head/kernel"]
    assert kernel.shape == (42, 11)
    weight = np.concatenate([kernel[0::2], kernel[1::2]]).T
    head = {"weight": weight, "bias": tree["head/bias"]}
    backbone = names.dinov2({name: tree[name] for name in AUTHORS.parameters()}, AUTHORS)
    files = [
        write_torch(tmp_path / "backbone.pth", backbone),
        write_torch(tmp_path / "head.pth", head),
    ]
    assert_same(read_checkpoint(files, config), tree, config)
    assert_same(read_checkpoint(files[::-1], config), tree, config)
    # torch.hub's module of both.
    both = under("backbone.", backbone) | under("linear_head.", head)
    tree_of_both, _ = read(write_torch(tmp_path / "both.pth", both), config)
    assert_same(tree_of_both, tree, config)
    transformers = under("dinov2.", names.huggingface_dinov2(tree, AUTHORS))
    transformers |= {f"classifier.{name}": value for name, value in head.items()}
    write_safetensors(tmp_path / "m", transformers)
    assert_same(read(tmp_path / "m", config)[0], tree, config)


def test_positions_of_another_size_are_counted_without_the_class_tokens(tmp_path: Path) -> None:
    square = replace(AUTHORS, image_size=(40, 40))
    arrays = names.dinov2(random_parameters(square, 3), square)
    path = write_torch(tmp_path / "m.pth", arrays)
    with pytest.raises(CheckpointError) as caught:
        read(path, TIMMS)
    assert "another size: 26 positions (as of 40x40 pixels)" in str(caught.value)
    assert "this model has 36 (of 40x56)" in str(caught.value)


def test_the_registry_resamples_as_the_authors_do() -> None:
    """facebookresearch/dinov2, ``hub/backbones.py``: an offset of 0.1; with registers, none."""
    for size in "sbl":
        plain, registers = (find_model(f"dinov2_vit{size}14{end}") for end in ("", "_reg"))
        assert plain.config.position_interpolation == "dino"
        assert registers.config.position_interpolation == "timm"
        assert plain.urls[0].endswith(f"/dinov2_vit{size}14_pretrain.pth")
        assert registers.urls[0].endswith(f"/dinov2_vit{size}14_reg4_pretrain.pth")
