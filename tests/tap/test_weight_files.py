"""Weights in other files: read where they may lie, and nowhere else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from tap.foreign_ways import WAYS
from tap.tapping import Call, Refused, assert_right, assert_sentences, done, save_outside
from terminal import contents

Outside = Callable[..., None]


def test_weights_that_are_missing(refused: Refused, desk: Path) -> None:
    save_outside(WAYS["class"].model(), desk / "model.onnx", "weights.bin")
    (desk / "weights.bin").unlink()
    refused("model.onnx", 1, "weights.bin")


@pytest.mark.parametrize("kind", ["empty", "short", "folder"])
def test_weights_that_are_damaged(kind: str, refused: Refused, desk: Path) -> None:
    save_outside(WAYS["class"].model(), desk / "model.onnx", "weights.bin")
    whole = (desk / "weights.bin").read_bytes()
    if kind == "folder":
        (desk / "weights.bin").unlink()
        (desk / "weights.bin").mkdir()
    else:
        (desk / "weights.bin").write_bytes(whole[: {"empty": 0, "short": -100}[kind]])
    refused("model.onnx", 1, "weights.bin")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("offset", "999999999"),
        ("offset", "-4"),
        ("offset", "four"),
        ("offset", str(2**63)),
        ("length", "999999999"),
        ("length", "-4"),
        ("length", "four"),
        ("length", "4"),
        ("location", ""),
    ],
)
def test_places_that_are_wrong(key: str, value: str, refused: Refused, desk: Path) -> None:
    save_outside(WAYS["class"].model(), desk / "model.onnx", "weights.bin")
    redirect(desk / "model.onnx", key, value)
    refused("model.onnx", 1, "model.onnx")


def redirect(file: Path, key: str, value: str) -> None:
    """Have the largest weight be somewhere else."""
    model = onnx.load(file, load_external_data=False)
    tensor = max(model.graph.initializer, key=lambda tensor: int(np.prod(tensor.dims)))
    (entry,) = (entry for entry in tensor.external_data if entry.key == key)
    entry.value = value
    file.write_bytes(model.SerializeToString())


@pytest.fixture
def outside(call: Call, desk: Path) -> Outside:
    """Check that a weight out of the model's folder is refused, and not read.

    It is there and all right, so that whoever reads it finds a ViT.
    """
    folder, secret = desk / "folder", desk / "secret.bin"
    (folder / "below").mkdir(parents=True)

    def outside(change: Callable[[onnx.ModelProto], None], *, may_work: bool = False) -> None:
        file = folder / "model.onnx"
        save_outside(WAYS["class"].model(), file, "weights.bin")
        shutil.copy(folder / "weights.bin", secret)
        model = onnx.load(file, load_external_data=False)
        change(model)
        file.write_bytes(model.SerializeToString())
        before = contents(desk)
        os.utime(secret, ns=(0, secret.stat().st_mtime_ns))
        outcome = call("tap", "folder/model.onnx", "-o", "out.onnx", "--preprocess", "imagenet")
        # Reading leaves its mark, on a file system that keeps the times of reading.
        assert secret.stat().st_atime_ns == 0
        if outcome.code or not may_work:
            assert outcome.code == 1, outcome
            assert_sentences(outcome, "model.onnx", ".bin")
            assert contents(desk) == before

    return outside


def external(model: onnx.ModelProto) -> list[onnx.TensorProto]:
    return [tensor for tensor in model.graph.initializer if tensor.external_data]


def relocate(tensor: onnx.TensorProto, location: str) -> None:
    (entry,) = (entry for entry in tensor.external_data if entry.key == "location")
    entry.value = location


@pytest.mark.parametrize("way", ["../secret.bin", "below/../../secret.bin", "absolute"])
@pytest.mark.parametrize("count", [1, 99])
def test_weights_out_of_the_folder(way: str, count: int, outside: Outside, desk: Path) -> None:
    def change(model: onnx.ModelProto) -> None:
        for tensor in external(model)[:count]:
            relocate(tensor, str(desk / "secret.bin") if way == "absolute" else way)

    outside(change)


def test_constants_out_of_the_folder(outside: Outside) -> None:
    """Tensors stand in nodes, too."""

    def change(model: onnx.ModelProto) -> None:
        tensor = external(model)[0]
        relocate(tensor, "../secret.bin")
        node = helper.make_node("Constant", [], [tensor.name], value=tensor)
        model.graph.node.insert(0, node)
        model.graph.initializer.remove(tensor)

    outside(change)


@pytest.mark.parametrize("first", ["../secret.bin", "weights.bin"])
def test_two_places_of_which_one_is_out_of_the_folder(first: str, outside: Outside) -> None:
    """Readers may differ in which they take: refused, or the good one is taken."""

    def change(model: onnx.ModelProto) -> None:
        tensor = external(model)[0]
        (other,) = {"../secret.bin", "weights.bin"} - {first}
        relocate(tensor, first)
        tensor.external_data.add(key="location", value=other)

    outside(change, may_work=True)


def test_a_link_out_of_the_folder(outside: Outside, desk: Path) -> None:
    (desk / "folder" / "link.bin").symlink_to("../secret.bin")
    outside(lambda model: relocate(external(model)[0], "link.bin"))


def test_links_as_a_hub_has_them(call: Call, desk: Path) -> None:
    """Model and weights are links to files of other names, which lie in one other folder."""
    blobs, snapshot = desk / "blobs", desk / "snapshots" / "a1b2"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    save_outside(WAYS["class"].model(), blobs / "f00d", "model.onnx_data")
    (blobs / "model.onnx_data").rename(blobs / "beef")
    (snapshot / "model.onnx").symlink_to("../../blobs/f00d")
    (snapshot / "model.onnx_data").symlink_to("../../blobs/beef")
    words = ["-o", "out.onnx", "--preprocess", "imagenet"]
    done(call("tap", "snapshots/a1b2/model.onnx", *words))
    assert_right(desk / "out.onnx", WAYS["class"], 1)


def test_a_place_without_a_file(refused: Refused, desk: Path) -> None:
    save_outside(WAYS["class"].model(), desk / "model.onnx", "weights.bin")
    model = onnx.load("model.onnx", load_external_data=False)
    tensor = external(model)[0]
    tensor.external_data.remove(tensor.external_data[0])
    (desk / "model.onnx").write_bytes(model.SerializeToString())
    refused("model.onnx", 1, "model.onnx")
