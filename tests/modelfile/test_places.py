"""Whoever opens a model reads its own files alone, and all of those, links or not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from numpy.typing import NDArray

import vitonnx as vx
from vitonnx.engine import bake, reduce_file
from vitonnx.errors import ModelFileError
from vitonnx.modelfile import load_weights, open_graph, weight_files

Exported = Callable[[str], Path]

PIXELS = np.random.default_rng(5).integers(0, 256, (47, 61, 3), np.uint8)


def probe(file: Path, folder: Path, **options: Any) -> NDArray[Any]:
    (result,) = vx.Engine(file, device="cpu", **options).probe(PIXELS, vx.Rollout())
    return np.asarray(result.rollout)


def _explain(file: Path, folder: Path) -> str:
    return vx.Engine(file, device="cpu").explain([vx.Rollout()])


def _positions(file: Path, folder: Path) -> object:
    return load_weights(file, ["position_embedding"])


READERS: dict[str, Callable[[Path, Path], object]] = {
    "probe in the graph": lambda file, folder: probe(file, folder, in_graph=True),
    "probe on the host": lambda file, folder: probe(file, folder, in_graph=False),
    "int8": lambda file, folder: probe(file, folder, precision="int8", in_graph=True),
    "another size": lambda file, folder: probe(file, folder, size=(56, 72), in_graph=True),
    "explain": _explain,
    "bake": lambda file, folder: bake(vx.Engine(file), vx.Rollout(), folder / "out.onnx"),
    "reduce": lambda file, folder: reduce_file(file, folder / "out.onnx", "fp16"),
    "weights": _positions,
    "the files": lambda file, folder: weight_files(file),
}
EveryReader = pytest.mark.parametrize("reader", READERS.values(), ids=READERS)


@pytest.fixture
def beside(exported: Exported, tmp_path: Path) -> Path:
    """A model whose weights stand in a file beside it."""
    folder = tmp_path / "model"
    folder.mkdir()
    ir.save(ir.load(exported("plain")), folder / "model.onnx", external_data="model.onnx.data")
    return folder / "model.onnx"


def relocated(file: Path, location: str) -> None:
    model = onnx.load(file, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    file.write_bytes(model.SerializeToString())


@EveryReader
def test_weights_beside_the_file_are_read(
    reader: Callable[[Path, Path], object], beside: Path, tmp_path: Path
) -> None:
    reader(beside, tmp_path)


@EveryReader
@pytest.mark.parametrize("way", ["above", "absolute", "link", "nothing", "folder", "nul"])
def test_weights_elsewhere_are_read_by_nobody(
    way: str, reader: Callable[[Path, Path], object], beside: Path, tmp_path: Path
) -> None:
    data = beside.with_name("model.onnx.data")
    secret = tmp_path / "secret.bin"
    shutil.move(data, secret)
    location = {"above": "../secret.bin", "absolute": str(secret), "nul": "model\0.data"}
    if way == "link":
        data.symlink_to(secret)
    elif way == "folder":
        data.mkdir()
    elif way in location:
        relocated(beside, location[way])
    with pytest.raises(ModelFileError, match=r"model\.onnx") as caught:
        reader(beside, tmp_path)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "secret.bin"]


@EveryReader
def test_a_second_hard_link_is_no_attack(
    reader: Callable[[Path, Path], object], exported: Exported, beside: Path, tmp_path: Path
) -> None:
    """Package managers install files as links into their caches."""
    alone = tmp_path / "alone.onnx"
    shutil.copy(exported("plain"), alone)
    for file in (alone, beside, beside.with_name("model.onnx.data")):
        os.link(file, tmp_path / f"second.{file.name}")
    reader(alone, tmp_path)
    reader(beside, tmp_path)


@EveryReader
def test_links_as_a_hub_has_them(
    reader: Callable[[Path, Path], object], beside: Path, tmp_path: Path
) -> None:
    """Model and weights are links to files of other names, which lie in one other folder."""
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "a1b2"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    for number, name in enumerate(("model.onnx", "model.onnx.data")):
        shutil.move(beside.with_name(name), blobs / f"b{number}")
        (snapshot / name).symlink_to(blobs / f"b{number}")
    reader(snapshot / "model.onnx", tmp_path)


def test_all_of_them_read_the_same(exported: Exported, beside: Path, tmp_path: Path) -> None:
    """The answers are those of the file with everything in it."""
    np.testing.assert_allclose(
        probe(beside, tmp_path, in_graph=True),
        probe(exported("plain"), tmp_path, in_graph=True),
        rtol=0,
        atol=1e-6,
    )


@pytest.mark.parametrize("key", ["offset", "length"])
@pytest.mark.parametrize("value", ["-1", "9" * 30, "1e3", "", "٣", "0x10"])
def test_places_that_are_no_numbers(key: str, value: str, beside: Path) -> None:
    model = onnx.load(beside, load_external_data=False)
    entries = [entry for each in model.graph.initializer for entry in each.external_data]
    for entry in entries:
        if entry.key == key:
            entry.value = value
    beside.write_bytes(model.SerializeToString())
    with pytest.raises(ModelFileError, match=r"model\.onnx"):
        open_graph(beside)


@pytest.mark.parametrize("where", ["training", "function"])
def test_tensors_in_odd_places(where: str, beside: Path, tmp_path: Path) -> None:
    """Weights stand in more places than the graph's list of them."""
    model = onnx.load(beside, load_external_data=False)
    tensor = onnx.TensorProto(name="odd", data_type=1, dims=[1])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret.bin")
    (tmp_path / "secret.bin").write_bytes(b"1234")
    if where == "training":
        model.training_info.add().initialization.initializer.append(tensor)
    else:
        node = onnx.helper.make_node("Constant", [], ["odd"], value=tensor)
        model.functions.append(
            onnx.helper.make_function("own", "Odd", [], ["odd"], [node], model.opset_import)
        )
    beside.write_bytes(model.SerializeToString())
    with pytest.raises(ModelFileError, match="outside its own folder"):
        open_graph(beside)
