"""Checkpoints in every format and every convention of names give the same tree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

import tiny_models as tiny
from models import published_names as names
from models.torch_files import write_torch
from vitonnx.errors import CheckpointError
from vitonnx.models import ViTConfig, random_parameters, read_checkpoint

PLAIN = tiny.CONFIGS["plain"]

Tree = dict[str, NDArray[np.float32]]
Write = Callable[[Path, names.Arrays], object]


def write_safetensors(path: Path, arrays: names.Arrays) -> None:
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)


def write_npz(path: Path, arrays: names.Arrays, *, compressed: bool = False) -> None:
    # A file that is open already gets no suffix.
    with path.open("wb") as file:
        (np.savez_compressed if compressed else np.savez)(file, allow_pickle=False, **arrays)


WRITERS: dict[str, Write] = {
    "safetensors": write_safetensors,
    "torch zip": lambda path, arrays: write_torch(path, arrays),
    "torch stream": lambda path, arrays: write_torch(path, arrays, legacy=True),
    "npz": write_npz,
    "npz, compressed": lambda path, arrays: write_npz(path, arrays, compressed=True),
}


def write(path: Path, arrays: names.Arrays) -> Path:
    write_safetensors(path, arrays)
    return path


def assert_same(got: Tree, expected: Tree, config: ViTConfig) -> None:
    assert list(got) == list(config.parameters())
    for name, array in got.items():
        assert array.dtype == np.float32, name
        assert array.flags.c_contiguous, name
        # Values are moved, never computed with: not a bit may differ.
        np.testing.assert_array_equal(array, expected[name], err_msg=name)


@pytest.mark.parametrize("kind", tiny.CONFIGS)
@pytest.mark.parametrize("writer", WRITERS)
def test_every_format(tmp_path: Path, kind: str, writer: str) -> None:
    config = tiny.CONFIGS[kind]
    tree = random_parameters(config, 3)
    # The name tells nothing: the content is what counts.
    path = tmp_path / "weights"
    WRITERS[writer](path, names.timm(tree, config))
    assert_same(read_checkpoint([path], config), tree, config)


@pytest.mark.parametrize("kind", ["plain", "headless", "distilled"])
@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("prefix", ["", "vit.", "deit."])
def test_hugging_face(tmp_path: Path, kind: str, version: int, prefix: str) -> None:
    config = tiny.CONFIGS[kind]
    tree = random_parameters(config, 3)
    arrays = {
        name if "classifier" in name else prefix + name: array
        for name, array in names.huggingface(tree, config, version=version).items()
    }
    arrays[f"{prefix}pooler.dense.weight"] = np.ones((21, 21), np.float32)
    arrays[f"{prefix}embeddings.mask_token"] = np.ones((1, 1, 21), np.float32)
    assert_same(read_checkpoint([write(tmp_path / "m", arrays)], config), tree, config)


def test_hugging_face_distilled_with_one_classifier(tmp_path: Path) -> None:
    prefix = ("cls", "dist")
    config = replace(PLAIN, prefix_tokens=prefix, position_prefix=prefix)
    tree = random_parameters(config, 3)
    path = write(tmp_path / "m", names.huggingface(tree, config))
    assert_same(read_checkpoint([path], config), tree, config)


@pytest.mark.parametrize("kind", ["plain", "headless", "pooled", "sincos"])
@pytest.mark.parametrize("big_vision", [False, True])
@pytest.mark.parametrize("stack", [False, True])
@pytest.mark.parametrize("prefix", ["", "opt/target/", "params/", "params/img/"])
def test_google(tmp_path: Path, kind: str, big_vision: bool, stack: bool, prefix: str) -> None:
    config = tiny.CONFIGS[kind]
    tree = random_parameters(config, 3)
    arrays = names.google(tree, config, big_vision=big_vision)
    if stack:
        arrays = names.scanned(arrays, config.blocks)
    arrays = {prefix + name: array for name, array in arrays.items()}
    if prefix:
        arrays["opt/count"] = np.zeros(1, np.float32)
    path = tmp_path / "m.npz"
    np.savez(path, allow_pickle=False, **arrays)
    assert_same(read_checkpoint([path], config), tree, config)


def test_google_positions_of_patches_alone(tmp_path: Path) -> None:
    config = replace(PLAIN, position_prefix=())
    tree = random_parameters(config, 3)
    path = tmp_path / "m.npz"
    np.savez(path, allow_pickle=False, **names.google(tree, config, big_vision=True))
    got = read_checkpoint([path], config)
    assert got["position_embedding"].shape == (5 * 7, 21)
    assert_same(got, tree, config)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, ml_dtypes.bfloat16])
@pytest.mark.parametrize("writer", WRITERS)
def test_other_floats(tmp_path: Path, dtype: type, writer: str) -> None:
    tree = random_parameters(PLAIN, 3)
    arrays: Any = {name: array.astype(dtype) for name, array in names.timm(tree, PLAIN).items()}
    if dtype is ml_dtypes.bfloat16 and writer.startswith("torch"):
        arrays = {name: array.view(np.uint16) for name, array in arrays.items()}
    WRITERS[writer](tmp_path / "m", arrays)
    rounded = {name: array.astype(dtype).astype(np.float32) for name, array in tree.items()}
    assert_same(read_checkpoint([tmp_path / "m"], PLAIN), rounded, PLAIN)


def test_no_query_key_value_bias(tmp_path: Path) -> None:
    config = replace(PLAIN, qkv_bias=False)
    tree = random_parameters(config, 3)
    for name in tree:
        if name.endswith(("query/bias", "key/bias", "value/bias")):
            tree[name] = np.zeros_like(tree[name])
    arrays = names.timm(tree, config)
    path = write(tmp_path / "with", arrays)
    with pytest.raises(CheckpointError, match=r"it also has blocks\.0\.attn\.qkv\.bias"):
        read_checkpoint([path], config)
    without = {name: array for name, array in arrays.items() if "qkv.bias" not in name}
    path = write(tmp_path / "without", without)
    assert_same(read_checkpoint([path], config), tree, config)
    with pytest.raises(CheckpointError, match=r"it lacks blocks\.0\.attn\.qkv\.bias"):
        read_checkpoint([path], PLAIN)


@pytest.mark.parametrize("under", ["model", "state_dict", "teacher"])
@pytest.mark.parametrize("prefix", ["", "module.", "backbone.", "module.backbone."])
@pytest.mark.parametrize("legacy", [False, True])
def test_training_checkpoints(tmp_path: Path, under: str, prefix: str, legacy: bool) -> None:
    config = tiny.CONFIGS["headless"]
    tree = random_parameters(config, 3)
    arrays = {prefix + name: array for name, array in names.timm(tree, config).items()}
    # What DINO trains with, and throws away.
    arrays["head.mlp.0.weight"] = np.ones((5, 21), np.float32)
    arrays["head.last_layer.weight_g"] = np.ones((3, 1), np.float32)
    path = write_torch(tmp_path / "m.pth", arrays, legacy=legacy, under=under)
    assert_same(read_checkpoint([path], config), tree, config)


def test_dinos_linear_head_in_a_file_of_its_own(tmp_path: Path) -> None:
    config = tiny.CONFIGS["dino_linear"]
    tree = random_parameters(config, 3)
    arrays = names.timm(tree, config)
    head = {f"module.{name}": arrays.pop(name) for name in ("linear.weight", "linear.bias")}
    backbone = write_torch(tmp_path / "backbone.pth", arrays)
    linear = write_torch(tmp_path / "linear.pth", head, under="state_dict")
    assert_same(read_checkpoint([backbone, linear], config), tree, config)
    with pytest.raises(CheckpointError, match=r"it lacks linear\.weight, linear\.bias"):
        read_checkpoint([backbone], config)
    with pytest.raises(CheckpointError, match=r"backbone\.pth with backbone\.pth both hold"):
        read_checkpoint([backbone, backbone], config)


def test_a_head_is_left_out_of_a_model_without_one(tmp_path: Path) -> None:
    headless = replace(PLAIN, classes=0)
    tree = random_parameters(PLAIN, 3)
    for convention in (names.timm, names.huggingface, names.google):
        path = write(tmp_path / convention.__name__, convention(tree, PLAIN))
        assert_same(read_checkpoint([path], headless), tree, headless)


# Written by PyTorch 2.13.0 on 22 November 2026, CPU, with timm 1.0.31:
#   torch.manual_seed(0)
#   model = timm.models.vision_transformer.VisionTransformer(
#       img_size=(16, 24), patch_size=8, embed_dim=6, depth=1, num_heads=2, mlp_ratio=2,
#       num_classes=3, weight_init="skip")
#   for parameter in model.parameters(): torch.nn.init.normal_(parameter)
#   optimizer = torch.optim.AdamW([model.cls_token])
#   model(torch.ones(1, 3, 16, 24)).sum().backward(); optimizer.step()
#   torch.save({"model": model.state_dict(), "args": argparse.Namespace(lr=0.1),
#       "optimizer": optimizer.state_dict()}, "torch_zip.pth")
#   torch.save(..., "torch_stream.pth", _use_new_zipfile_serialization=False)
#   safetensors.torch.save_file(model.state_dict(), "torch.safetensors")
FIXTURE = ViTConfig(
    image_size=(16, 24), patch_size=8, dim=6, blocks=1, heads=2, mlp_dim=12, classes=3
)


@pytest.mark.parametrize("name", ["torch_zip.pth", "torch_stream.pth"])
def test_files_that_pytorch_wrote(name: str) -> None:
    folder = Path(__file__).with_name("data")
    expected = read_checkpoint([folder / "torch.safetensors"], FIXTURE)
    assert_same(read_checkpoint([folder / name], FIXTURE), expected, FIXTURE)
    # One number of each, as printed by PyTorch, so that all three can't be wrong alike.
    assert expected["patch_embed/kernel"][5, 7, 2, 1] == np.float32(-0.2505362927913666)
    assert expected["block_00/attention/key/kernel"][4, 1] == np.float32(-0.8526095747947693)
