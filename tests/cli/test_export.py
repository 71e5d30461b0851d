"""``vitonnx export``: a description and a checkpoint in, a verified file out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from safetensors.numpy import save_file

import tiny_models as tiny
import vitonnx as vx
from models import published_names as names
from models.torch_files import write_torch
from terminal import Outcome, contents
from vitonnx.data.scenes import draw_scene
from vitonnx.engine import compare_engines
from vitonnx.manifest import METADATA_KEY, Manifest
from vitonnx.modelfile import load_outline
from vitonnx.models import random_parameters

Call = Callable[..., Outcome]

# One network, described and stored in the ways of three projects.
CONFIG = replace(tiny.BASE, mlp_dim=42)
PARAMETERS = random_parameters(CONFIG, 11)
RECIPE = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4]}
TIMM = {
    "architecture": "vit_tiny_patch16_224",
    "num_classes": 11,
    "model_args": {"embed_dim": 21, "depth": 2, "num_heads": 3, "patch_size": 8, "mlp_ratio": 2},
    "pretrained_cfg": {
        "tag": "mine",
        "input_size": [3, 40, 56],
        "interpolation": "bicubic",
        "crop_pct": 0.9,
        **RECIPE,
    },
}
HUGGING_FACE = {
    "model_type": "vit",
    "architectures": ["ViTForImageClassification"],
    "_name_or_path": "somebody/vit-mine",
    "image_size": [40, 56],
    "patch_size": 8,
    "hidden_size": 21,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 42,
    "layer_norm_eps": 1e-6,
    "id2label": {str(number): f"bird {number}" for number in range(11)},
}
HUGGING_FACE_RECIPE = {"image_mean": RECIPE["mean"], "image_std": RECIPE["std"]}


def store(arrays: names.Arrays, file: str) -> None:
    # safetensors writes memory as it lies, whatever the strides.
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, file)


def manifest_of(file: str) -> Manifest:
    metadata = {entry.key: entry.value for entry in onnx.load(file).metadata_props}
    return Manifest.from_json(metadata[METADATA_KEY])


def logits(file: str) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    images = np.random.default_rng(5).integers(0, 256, (2, 40, 56, 3), np.uint8)
    (found,) = session.run(["logits"], {"images": images})
    return np.asarray(found)


def test_three_descriptions_of_one_network_give_one_answer(
    call: Call, described: str, desk: Path
) -> None:
    store(names.timm(PARAMETERS, CONFIG), "model.safetensors")
    write_torch(desk / "model.pth", names.timm(PARAMETERS, CONFIG), under="model")
    vit = {f"vit.{name}": value for name, value in names.huggingface(PARAMETERS, CONFIG).items()}
    for part in ("weight", "bias"):
        vit[f"classifier.{part}"] = vit.pop(f"vit.classifier.{part}")
    (desk / "hf").mkdir()
    store(vit, "hf/model.st")
    (desk / "hf" / "config.json").write_text(json.dumps(HUGGING_FACE))
    (desk / "hf" / "preprocessor_config.json").write_text(json.dumps(HUGGING_FACE_RECIPE))
    (desk / "timm.json").write_text(json.dumps(TIMM))
    before = contents(desk)

    ours = call("export", "--config", described, "--weights", "model.safetensors", "-q")
    timms = call("export", "--config", "timm.json", "--weights", "model.pth", "-q")
    theirs = call("export", "mine", "--config", "hf/config.json", "--weights", "hf/model.st", "-q")
    assert ours == Outcome(0, "tiny.onnx\n", "")
    assert timms == Outcome(0, "vit_tiny_patch16_224.mine.onnx\n", "")
    assert theirs == Outcome(0, "mine.onnx\n", "")
    files = [outcome.out.strip() for outcome in (ours, timms, theirs)]
    assert set(contents(desk)) == {*before, *files}

    # The same numbers in another order of storage: equal but for nothing.
    expected = logits(files[0])
    np.testing.assert_array_equal(logits(files[1]), expected)
    np.testing.assert_array_equal(logits(files[2]), expected)
    manifests = [manifest_of(file) for file in files]
    assert [manifest.position_interpolation for manifest in manifests] == [
        "timm", "timm", "huggingface",
    ]  # fmt: skip
    assert [manifest.preprocessing.mean for manifest in manifests] == [(0.5, 0.4, 0.3)] * 3
    assert [manifest.preprocessing.resize for manifest in manifests] == [44, 44, None]
    assert [manifest.source.file for manifest in manifests] == [
        "model.safetensors", "model.pth", "model.st",
    ]  # fmt: skip
    assert not any(manifest.untrained for manifest in manifests)
    assert manifests[2].classes == tuple(f"bird {number}" for number in range(11))


def test_the_parity_table_is_printed_and_stored(call: Call, described: str, desk: Path) -> None:
    outcome = call("export", "--config", described, "--weights", "random", "-o", "out.onnx")
    assert (outcome.code, outcome.errors) == (0, [])
    assert outcome.out.endswith("\nout.onnx\n")
    assert "attention" in outcome.out
    assert "logits" in outcome.out
    rows = re.findall(r"^\W*(\d+)\W+(\d\.\de-\d+)\W+(\d\.\de-\d+)", outcome.out, re.MULTILINE)
    assert [int(block) for block, *_ in rows] == [0, 1]
    stored = manifest_of("out.onnx").parity
    assert set(stored) == {"attention", "tokens", "embedding", "logits"}
    # Stored rounded up to one digit, printed with two.
    for column, kind in ((1, "attention"), (2, "tokens")):
        largest = max(float(row[column]) for row in rows)
        assert 0.9 * largest <= stored[kind] <= 2.1 * largest
        assert 0 < stored[kind] < 2e-5


def test_random_weights_are_said_to_be_untrained(call: Call, described: str, desk: Path) -> None:
    outcome = call("export", "--config", described, "--weights", "random", "--seed", "3")
    assert len(outcome.notes) == 1
    assert "untrained" in outcome.notes[0]
    assert "seed 3" in outcome.notes[0]
    assert manifest_of("tiny.onnx").untrained
    assert manifest_of("tiny.onnx").source.file == "random:3"
    first = (desk / "tiny.onnx").read_bytes()
    call("export", "--config", described, "--weights", "random", "--seed", "3", "-o", "again.onnx")
    call("export", "--config", described, "--weights", "random", "--seed", "4", "-o", "other.onnx")
    assert (desk / "again.onnx").read_bytes() == first
    assert (desk / "other.onnx").read_bytes() != first


@pytest.mark.parametrize(("size", "sides"), [("24x88", (24, 88)), ("64", (64, 64))])
def test_another_size(
    size: str, sides: tuple[int, int], call: Call, described: str, pictures: Path, desk: Path
) -> None:
    words = ["--weights", "random", "--size", size, "-o", "out.onnx", "-q"]
    assert call("export", "--config", described, *words) == Outcome(0, "out.onnx\n", "")
    manifest = manifest_of("out.onnx")
    assert manifest.size == sides
    assert manifest.position_grid == (5, 7)
    assert call("probe", "heads", "out.onnx", pictures, "-o", "h.npz").code == 0
    with np.load("h.npz") as found:
        assert found["attention"].shape == (2, 3, sides[0] // 8, sides[1] // 8)


def test_nothing_complains_on_the_way(
    call: Call, described: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A warning that nobody handles would go to stderr, with a traceback at times."""
    tanh = json.loads(Path(described).read_text()) | {"activation": "gelu_tanh"}
    Path(described).write_text(json.dumps(tanh))
    with caplog.at_level("WARNING"):
        outcome = call("export", "--config", described, "--weights", "random")
    assert outcome.err == "note: the weights are random (seed 0): the model is untrained.\n"
    assert caplog.records == []


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_a_precision_says_what_it_costs(precision: str, call: Call, desk: Path) -> None:
    Path("mine.json").write_text(json.dumps(TIMM))
    words = ["export", "--config", "mine.json", "--weights", "random", "--precision", precision]
    outcome = call(*words, "--force", "-o", "small.onnx")
    assert outcome.code == 0, outcome.err
    assert f"{precision} against fp32, 16 pictures" in outcome.out
    assert outcome.out.splitlines()[-1] == "small.onnx"
    manifest = manifest_of("small.onnx")
    assert manifest.precision == precision
    assert manifest.fidelity is not None
    assert manifest.fidelity["pictures"] == 16
    assert f"precision         {precision}" in call("inspect", "small.onnx").out
    assert {path.name for path in desk.iterdir()} == {"mine.json", "small.onnx"}


def test_scales_fixed_by_pictures(call: Call, described: str, pictures: Path, desk: Path) -> None:
    words = ["export", "--config", described, "--weights", "random", "--precision", "int8"]
    outcome = call(*words, "--calibrate", pictures, "--force", "-o", "small.onnx")
    assert outcome.code == 0, outcome.err
    assert "DynamicQuantizeLinear" not in load_outline(Path("small.onnx")).operators
    manifest = manifest_of("small.onnx")
    assert manifest.precision == "int8"
    # Of the very file that was written.
    exact = [*words[:-2], "-o", "exact.onnx"]
    assert call(*exact).code == 0
    scenes = [draw_scene(seed, size=(256, 256)).picture for seed in range(16)]
    one, other = (vx.Engine(f"{name}.onnx", device="cpu") for name in ("exact", "small"))
    assert manifest.fidelity == compare_engines(one, other, scenes).numbers()


def test_no_pictures_to_calibrate_on(call: Call, described: str, desk: Path) -> None:
    (desk / "empty").mkdir()
    words = ["export", "--config", described, "--weights", "random", "-o", "small.onnx"]
    for precision, says in (("int8", "empty holds no pictures"), ("fp16", "fp16 has none")):
        outcome = call(*words, "--calibrate", "empty", "--precision", precision)
        assert outcome.code == 2
        assert says in outcome.errors[0]
    assert not Path("small.onnx").exists()


def test_too_dear_a_precision_writes_nothing(
    call: Call, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vitonnx.engine._fidelity.Fidelity.holds", lambda self: False)
    Path("mine.json").write_text(json.dumps(TIMM))
    words = ["export", "--config", "mine.json", "--weights", "random", "--precision", "int8"]
    outcome = call(*words, "-o", "small.onnx")
    assert outcome.code == 1
    assert "costs too much" in outcome.errors[0]
    assert [path.name for path in desk.iterdir()] == ["mine.json"]


def test_no_precision_writes_over_the_checkpoint(call: Call, desk: Path) -> None:
    Path("mine.json").write_text(json.dumps(TIMM))
    store(names.timm(PARAMETERS, CONFIG), "model.safetensors")
    before = Path("model.safetensors").read_bytes()
    words = ["export", "--config", "mine.json", "--weights", "model.safetensors"]
    for precision in ("fp32", "int8"):
        outcome = call(*words, "--precision", precision, "-o", "model.safetensors")
        assert outcome.code == 2
        assert "would be lost" in outcome.errors[0]
    assert Path("model.safetensors").read_bytes() == before
