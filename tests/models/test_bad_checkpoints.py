"""Checkpoints that are broken, or of another model, end in one sentence that says so."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from safetensors.numpy import save_file

import tiny_models as tiny
from models import published_names as names
from models.torch_files import write_torch
from vitonnx.errors import CheckpointError
from vitonnx.models import ViTConfig, random_parameters, read_checkpoint

PLAIN = tiny.CONFIGS["plain"]
TREE = random_parameters(PLAIN, 3)


def message(path: Path, config: ViTConfig = PLAIN) -> str:
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint([path], config)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


def write(path: Path, arrays: names.Arrays) -> Path:
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)
    return path


@pytest.mark.parametrize("convention", [names.timm, names.huggingface, names.google])
def test_every_difference_is_named(tmp_path: Path, convention: Callable[..., names.Arrays]) -> None:
    arrays = convention(TREE, PLAIN)
    lost, bent, *_ = [name for name in arrays if array_of_the_first_block(name)]
    arrays["surplus"] = arrays.pop(lost)
    arrays[bent] = np.zeros((2, 3, 5), np.float32)
    text = message(write(tmp_path / "m", arrays))
    assert f"it lacks {lost};" in text
    assert "it also has surplus;" in text
    assert re.search(rf"it has {re.escape(bent)} \(2, 3, 5\) instead of \([\d, ]+\)\.", text)
    assert "--config" in text


def array_of_the_first_block(name: str) -> bool:
    return re.search(r"(blocks\.|layer\.|encoderblock_)0", name) is not None


def test_no_more_than_five_names_of_a_kind(tmp_path: Path) -> None:
    text = message(write(tmp_path / "m", names.timm(TREE, PLAIN)), replace(PLAIN, blocks=3))
    assert "blocks.2.attn.qkv.weight" in text
    # A block has twelve arrays here: five are spelled out.
    assert "and 7 more" in text


def test_another_width_is_told_by_shapes(tmp_path: Path) -> None:
    text = message(
        write(tmp_path / "m", names.timm(TREE, PLAIN)), replace(PLAIN, dim=24, mlp_dim=34)
    )
    assert "patch_embed.proj.weight (21, 3, 8, 8) instead of (24, 3, 8, 8)" in text
    assert "pictures of another size" not in text


def test_another_picture_size_is_told(tmp_path: Path) -> None:
    square = replace(PLAIN, image_size=(24, 24))
    path = write(tmp_path / "m", names.timm(random_parameters(square, 3), square))
    text = message(path)
    assert "pos_embed (1, 10, 21) instead of (1, 36, 21)" in text
    assert "another size: 10 positions (as of 24x24 pixels), where this model has 36" in text
    assert "as of" not in message(write(tmp_path / "n", names.timm(TREE, PLAIN)), square)


def test_registers_that_the_convention_has_no_name_for_are_missing(tmp_path: Path) -> None:
    path = write(tmp_path / "m", names.google(TREE, PLAIN))
    assert "it lacks reg_tokens" in message(path, tiny.CONFIGS["registers_unplaced"])


def test_a_head_with_nothing_to_read_it(tmp_path: Path) -> None:
    distilled = tiny.CONFIGS["distilled"]
    path = write(tmp_path / "m", names.timm(random_parameters(distilled, 3), distilled))
    text = message(path)
    assert "it also has dist_token, head_dist.bias, head_dist.weight;" in text
    # Its positions don't fit either, but not for the picture's size.
    assert "pos_embed (1, 37, 21) instead of (1, 36, 21)" in text
    assert "another size" not in text


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("pre_logits/kernel", "ImageNet-21k"),
        ("MAPHead_0/probe", "attention pooling"),
        ("conv_root/kernel", "hybrid"),
    ],
)
def test_google_models_of_another_kind(tmp_path: Path, name: str, says: str) -> None:
    arrays = names.google(TREE, PLAIN) | {name: np.zeros((21, 21), np.float32)}
    path = write(tmp_path / "m", arrays)
    assert says in message(path)
    if name.startswith("pre_logits"):
        headless = replace(PLAIN, classes=0)
        assert list(read_checkpoint([path], headless)) == list(headless.parameters())


@pytest.mark.parametrize("name", ["norm_pre.weight", "attn_pool.q.weight"])
def test_timm_models_of_another_kind(tmp_path: Path, name: str) -> None:
    arrays = names.timm(TREE, PLAIN) | {name: np.zeros(21, np.float32)}
    assert "which vitonnx doesn't support" in message(write(tmp_path / "m", arrays))


def test_names_of_no_convention(tmp_path: Path) -> None:
    path = write(tmp_path / "m", {"conv1.weight": np.zeros((7, 5), np.float32)})
    assert "it has conv1.weight, but none of patch_embed.proj.weight" in message(path)


def test_two_models_in_one_file(tmp_path: Path) -> None:
    arrays = names.timm(TREE, PLAIN)
    both = arrays | {f"backbone.{name}": array for name, array in arrays.items()}
    assert "holds several models, with" in message(write(tmp_path / "m", both))


def test_whole_numbers_are_no_weights(tmp_path: Path) -> None:
    arrays = names.timm(TREE, PLAIN)
    arrays["norm.bias"] = arrays["norm.bias"].astype(np.int8)
    text = message(write(tmp_path / "m", arrays))
    assert "numbers that aren't floating-point in norm.bias (I8)" in text


@pytest.mark.parametrize("form", ["safetensors", "zip", "stream", "npz"])
@pytest.mark.parametrize("kept", [0, 5, 8, 9, 300, 0.5, -1])
def test_truncated(tmp_path: Path, form: str, kept: float) -> None:
    path, arrays = tmp_path / "m", names.timm(TREE, PLAIN)
    if form == "safetensors":
        write(path, arrays)
    elif form == "npz":
        with path.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
    else:
        write_torch(path, arrays, legacy=form == "stream")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept) if 0 < kept < 1 else int(kept)])
    text = message(path)
    assert "truncated" in text
    assert "download it again" in text


def test_one_wrong_byte_in_a_zip(tmp_path: Path) -> None:
    path = write_torch(tmp_path / "m", names.timm(TREE, PLAIN))
    content = bytearray(path.read_bytes())
    content[content.index(TREE["norm/scale"].tobytes()) + 2] ^= 1
    path.write_bytes(content)
    assert "Bad CRC-32" in message(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<!DOCTYPE html><html>Not found</html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:12", "Git LFS pointer"),
        (b"\x89HDF\r\n\x1a\n" + bytes(40), "HDF5"),
        (bytes(range(200, 256)), "is not a checkpoint that vitonnx can read:"),
        (b"PK\x03\x04" + bytes(60), "truncated or damaged"),
        (b"\x80\x04K\x01", "truncated or damaged"),
        (b"\x80\x04K\x01." + bytes(20), "not one that torch.save wrote"),
        (b"\xff" * 8 + b"{}", "truncated or damaged"),
    ],
)
def test_files_of_another_kind(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    assert says in message(path)


def test_a_zip_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "m.zip"
    with ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "is not a checkpoint that vitonnx can read" in message(path)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    assert "No such file" in message(tmp_path / "none.safetensors")
    assert "is a folder: give the checkpoint file in it" in message(tmp_path)


def test_npz_with_python_objects(tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    np.savez(path, allow_pickle=True, **{"embedding/kernel": np.array([object, None])})
    assert "Python objects under 'embedding/kernel', which could run code" in message(path)


def test_a_safetensors_file_whose_first_byte_is_a_pickles(tmp_path: Path) -> None:
    # The header's length leads the file: 0x80 of its last byte is also where a pickle begins.
    arrays = names.timm(TREE, PLAIN)
    for padding in range(256):
        path = tmp_path / "m"
        save_file(
            {name: np.ascontiguousarray(array) for name, array in arrays.items()},
            path,
            metadata={"note": "x" * padding},
        )
        if path.read_bytes()[0] == 0x80:
            break
    assert path.read_bytes()[0] == 0x80
    assert read_checkpoint([path], PLAIN)["norm/scale"].shape == (21,)
