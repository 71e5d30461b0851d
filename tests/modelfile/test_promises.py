"""A manifest is compared with its file as a whole, and not believed where they differ."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest

import vitonnx as vx
from vitonnx.errors import ModelFileError
from vitonnx.modelfile import load_manifest

Exported = Callable[[str], Path]


def rewritten(file: Path, target: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Write a file whose manifest is another."""
    model = onnx.load(file)
    (entry,) = (entry for entry in model.metadata_props if entry.key == "vitonnx.manifest")
    values = json.loads(entry.value)
    change(values)
    entry.value = json.dumps(values)
    onnx.save(model, target)
    return target


def edited(file: Path, target: Path, change: Callable[[onnx.ModelProto], object]) -> Path:
    """Write a file whose graph is another."""
    model = onnx.load(file)
    change(model)
    onnx.save(model, target)
    return target


LIES: dict[str, Any] = {
    "blocks": [1, 3, 65_536],
    "heads": [1, 4],
    "dim": [1, 20, 48],
    "patch_size": [1, 4, 16],
    "grid": [[1, 1], [2, 3], [5, 4], [4, 4]],
    "prefix_tokens": [[], ["cls", "reg0"], ["cls", "cls"]],
    "suffix_tokens": [["det0"], ["cls"]],
    "position_grid": [[1, 1], [3, 4], [2, 6], None],
    "position_prefix": [[], ["dist"], ["cls", "dist"]],
    "position_interpolation": ["by magic", ""],
    "relative_grid": [[4, 5]],
    "classes": [[], ["a"], [str(number) for number in range(1000)]],
    "precision": ["fp16", "bf16", "int8"],
}


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in LIES.items() for value in values]
)
def test_what_the_file_does_not_have(
    key: str, value: object, exported: Exported, tmp_path: Path
) -> None:
    good = exported("plain")
    was = json.loads(load_manifest(good).to_json()).get(key)
    if value == was:
        pytest.fail(f"{key} is {value} in truth: choose another lie")
    file = rewritten(good, tmp_path / "lie.onnx", lambda values: values.update({key: value}))
    with pytest.raises(ModelFileError, match=r"promise|damaged manifest") as caught:
        load_manifest(file)
    assert str(file) in str(caught.value)
    with pytest.raises(ModelFileError):
        vx.Engine(file, device="cpu")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("blocks", 10_000_000),
        ("blocks", 10**400),
        ("blocks", 0),
        ("blocks", -1),
        ("blocks", True),
        ("dim", 2**31),
        ("grid", [0, 5]),
        ("grid", [4, 5, 6]),
        ("name", "n" * 2_000),
        ("prefix_tokens", ["cls" * 1_000]),
        ("classes", ["c"] * 200_000),
        ("parity", {"logits": -1.0}),
        ("parity", {"logits": 1e999}),
        ("contract_version", True),
        ("contract_version", -3),
    ],
)
def test_what_no_model_has(key: str, value: object, exported: Exported, tmp_path: Path) -> None:
    file = rewritten(
        exported("plain"), tmp_path / "lie.onnx", lambda values: values.update({key: value})
    )
    with pytest.raises(ModelFileError, match="damaged manifest") as caught:
        load_manifest(file)
    assert len(str(caught.value)) < len(str(file)) + 400


@pytest.mark.parametrize(
    "change",
    [
        {"size": [32, 40]},
        {"size": [0, 0]},
        {"size": [10**9, 10**9]},
        {"resize": 10**9},
        {"crop": 1e-9},
        {"crop": float("nan")},
        {"std": [0.0, 1.0, 1.0]},
        {"mean": [float("nan"), 0.0, 0.0]},
        {"mean": [float("inf"), 0.0, 0.0]},
        {"multiple": 10**9},
    ],
    ids=str,
)
def test_recipes_that_no_picture_stands(
    change: dict[str, Any], exported: Exported, tmp_path: Path
) -> None:
    file = rewritten(
        exported("plain"),
        tmp_path / "lie.onnx",
        lambda values: values["preprocessing"].update(change),
    )
    with pytest.raises(ModelFileError, match=r"promise|damaged manifest"):
        load_manifest(file)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5_000, "", "null"])
def test_json_that_is_no_manifest(text: str, exported: Exported, tmp_path: Path) -> None:
    def change(model: onnx.ModelProto) -> None:
        model.metadata_props[0].value = text

    file = edited(exported("plain"), tmp_path / "lie.onnx", change)
    with pytest.raises(ModelFileError, match="damaged manifest"):
        load_manifest(file)


def test_a_manifest_longer_than_any(exported: Exported, tmp_path: Path) -> None:
    def change(model: onnx.ModelProto) -> None:
        model.metadata_props[0].value += " " * 2**24

    file = edited(exported("plain"), tmp_path / "long.onnx", change)
    with pytest.raises(ModelFileError, match="letters long"):
        load_manifest(file)


def _drop(name: str) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        kept = [output for output in model.graph.output if output.name != name]
        del model.graph.output[:]
        model.graph.output.extend(kept)

    return change


def _more_input(model: onnx.ModelProto) -> None:
    model.graph.input.add().CopyFrom(
        onnx.helper.make_tensor_value_info("secret", onnx.TensorProto.FLOAT, [1])
    )


def _float_images(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT


def _whole_attention(model: onnx.ModelProto) -> None:
    for output in model.graph.output:
        if output.name == "block_01/attention":
            output.type.tensor_type.elem_type = onnx.TensorProto.INT64


def _loop(model: onnx.ModelProto) -> None:
    """Something that nobody reads turns 2^62 times."""
    body = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["go"], ["on"])],
        "body",
        [
            onnx.helper.make_tensor_value_info("turn", onnx.TensorProto.INT64, []),
            onnx.helper.make_tensor_value_info("go", onnx.TensorProto.BOOL, []),
        ],
        [onnx.helper.make_tensor_value_info("on", onnx.TensorProto.BOOL, [])],
    )
    model.graph.initializer.extend(
        [
            onnx.helper.make_tensor("turns", onnx.TensorProto.INT64, [], [2**62]),
            onnx.helper.make_tensor("true", onnx.TensorProto.BOOL, [], [True]),
        ]
    )
    model.graph.node.append(onnx.helper.make_node("Loop", ["turns", "true"], [], body=body))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_loop, "control flow, Loop"),
        (_drop("block_01/attention"), "outputs of 1.5"),
        (_more_input, "input 'secret'"),
        (_float_images, "images is not uint8"),
        (_whole_attention, "block_01/attention is not float32"),
    ],
    ids=[
        "a loop",
        "an output fewer",
        "an input more",
        "pictures in floats",
        "attention in whole numbers",
    ],
)
def test_graphs_that_break_the_promise(
    change: Callable[[onnx.ModelProto], object], says: str, exported: Exported, tmp_path: Path
) -> None:
    file = edited(exported("plain"), tmp_path / "other.onnx", change)
    with pytest.raises(ModelFileError, match=says):
        load_manifest(file)


@pytest.mark.parametrize("kind", ["plain", "registers", "pooled"])
def test_true_manifests_are_believed(kind: str, exported: Exported) -> None:
    assert load_manifest(exported(kind)).blocks >= 1
