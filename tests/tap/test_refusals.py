"""What ``vitonnx tap`` takes, and what it refuses: in a sentence, and with nothing written."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from PIL import Image

import vitonnx as vx
from foreign_graphs import (
    NO_VITS,
    ForeignViT,
    no_nodes,
    windows_and_one_block,
)
from terminal import Outcome, assert_plain, assert_refused, contents, finished
from vitonnx.cli import main
from vitonnx.demo import demo_models
from vitonnx.errors import ModelFileError, UsageError
from vitonnx.modelfile import load_manifest, load_shapes, load_weights
from vitonnx.tap import tap

Call = Callable[..., Outcome]
Tapped = Callable[[ForeignViT], Path]
Outside = Callable[..., None]

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

# Of double precision: what the contract says of files in single precision, and of those in half.
ATTENTION, TOKENS, HALF = 1e-5, 2e-5, 1e-2

NOBODY = 65534

# A command in a process of its own, which says at last how much memory it took, in kilobytes.
MEASURED = """
import resource, sys
from vitonnx.cli import main
code = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""
# Beyond what protobuf reads, and what one file may hold.
LARGE = 2_200_000_000


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The empty folder we work in."""
    folder = tmp_path / "desk"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def call(desk: Path, capfd: pytest.CaptureFixture[str]) -> Call:
    """Run a command in this process, on the desk; what libraries print themselves counts too."""

    def call(*words: str | Path) -> Outcome:
        capfd.readouterr()
        code = main([str(word) for word in words])
        said = capfd.readouterr()
        return Outcome(code, said.out, said.err)

    return call


@pytest.fixture
def refused(call: Call, desk: Path) -> Callable[..., None]:
    """Check that ``tap`` refuses a file in a sentence or two, and writes nothing."""

    def refused(model: str, code: int | set[int], *parts: str, words: str | None = None) -> None:
        before = contents(desk)
        chosen = ["--preprocess", "imagenet"] if words is None else words.split()
        output = [] if "-o" in chosen else ["-o", "out.onnx"]
        outcome = call("tap", model, *output, *chosen)
        codes = {code} if isinstance(code, int) else code
        assert outcome.code in codes, outcome
        assert_sentences(outcome, *parts)
        assert contents(desk) == before

    return refused


def assert_sentences(outcome: Outcome, *parts: str) -> None:
    """Check what a refusal says: one or two plain sentences of somebody who expected it."""
    assert_refused(outcome, outcome.code, *parts)
    (error,) = outcome.errors
    assert "did not expect" not in error, error
    assert not re.search(r"\w\.(cc|h|py)\b", error), error  # where a library's code stands
    assert len(re.findall(r"[.?](?= [A-Z`]|$)", error)) <= 2, error


@pytest.fixture
def tapped(call: Call, desk: Path) -> Tapped:
    """Write a ViT to the desk, and tap it."""

    def tapped(vit: ForeignViT) -> Path:
        onnx.save(vit.model(), "model.onnx")
        done(call("tap", "model.onnx", "-o", "out.onnx", "--preprocess", "imagenet"))
        return desk / "out.onnx"

    return tapped


def done(outcome: Outcome) -> None:
    assert outcome.code == 0, outcome
    assert outcome.errors == [], outcome


def run(model: Path | bytes, **feed: NDArray[Any]) -> dict[str, NDArray[Any]]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # the machine is shared
    opened = model if isinstance(model, bytes) else str(model)
    session = onnxruntime.InferenceSession(opened, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feed), strict=True))


def photographs(vit: ForeignViT, batch: int) -> NDArray[np.uint8]:
    return np.random.default_rng(batch).integers(0, 256, (batch, *vit.size, 3), np.uint8)


def normalised(
    pictures: NDArray[np.uint8],
    mean: tuple[float, ...] = MEAN,
    std: tuple[float, ...] = STD,
) -> NDArray[np.float64]:
    scaled = (pictures / 255 - np.array(mean)) / np.array(std)
    return np.asarray(scaled.transpose(0, 3, 1, 2))


def relative_error(found: NDArray[Any], expected: NDArray[Any]) -> float:
    """Largest error, of the largest magnitude."""
    assert found.shape == expected.shape
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def assert_right(
    file: Path,
    vit: ForeignViT,
    batch: int,
    mean: tuple[float, ...] = MEAN,
    std: tuple[float, ...] = STD,
) -> None:
    """Compare a probe-ready file with NumPy, and with the graph that it was made of."""
    pictures = photographs(vit, batch)
    pixels = normalised(pictures, mean, std)
    found, expected = run(file, images=pictures), vit.answer(pixels)
    assert found.keys() == expected.keys()
    half = vit.precision == "fp16"
    for name, values in expected.items():
        assert found[name].dtype == np.float32
        if name.endswith("attention"):
            rows = found[name].sum(-1)
            np.testing.assert_allclose(rows, 1, atol=HALF if half else ATTENTION)
            np.testing.assert_allclose(found[name], values, atol=HALF if half else ATTENTION)
        else:
            assert relative_error(found[name], values) <= (HALF if half else TOKENS), name
    original = vit.model().SerializeToString()
    # Nothing was changed but the normalisation, in another order of roundings.
    logits = np.concatenate(
        [run(original, pixels=each[None].astype(np.float32))["scores"] for each in pixels]
    )
    assert relative_error(found["logits"], logits) <= (HALF if half else TOKENS)


# What is taken.

PREFIXES = {
    "no prefix": ForeignViT(prefix=0, readout="mean"),
    "class": ForeignViT(prefix=1),
    "distilled": ForeignViT(prefix=2),
    "registers": ForeignViT(prefix=5),
}
WAYS = PREFIXES | {
    "fused, gathered": ForeignViT(products="gather"),
    "fused, split": ForeignViT(products="split"),
    "fused, sliced": ForeignViT(products="slice"),
    "folded into the batch": ForeignViT(batched=True),
    "folded and fused": ForeignViT(batched=True, products="gather", prefix=2),
    "scaled before": ForeignViT(scale="before"),
    "scaled before, folded": ForeignViT(scale="before", batched=True, products="split"),
    "scaled inside": ForeignViT(scale="inside"),
    "scaled inside, folded": ForeignViT(scale="inside", batched=True, products="gather"),
    "divided": ForeignViT(scale="divided", products="gather"),
    "biased": ForeignViT(bias=True, prefix=5),
    "biased and folded": ForeignViT(bias=True, batched=True, scale="before"),
    "a batch of one": ForeignViT(batch=1),
    "a batch of one, folded": ForeignViT(batch=1, batched=True, products="gather"),
    "a batch of one, registers": ForeignViT(batch=1, prefix=5, products="split"),
    "opset 13": ForeignViT(opset=13, products="split", scale="divided"),
    "opset 13, folded": ForeignViT(opset=13, batched=True, prefix=0, readout="mean"),
    "opset 21": ForeignViT(opset=21, products="split", prefix=5),
    "fp16 weights": ForeignViT(precision="fp16 weights", prefix=2),
    "fp16": ForeignViT(precision="fp16"),
    "fp16, opset 13": ForeignViT(precision="fp16", opset=13, products="gather"),
    "mean of patches": ForeignViT(prefix=5, readout="mean"),
    "cross-attention reads out": ForeignViT(prefix=0, readout="latent"),
    "cross-attention reads out, class": ForeignViT(prefix=1, readout="latent", scale="divided"),
    "tall": ForeignViT(grid=(7, 2), prefix=2),
    "one block": ForeignViT(blocks=1),
    "twelve blocks": ForeignViT(blocks=12),
    "as many tokens as a head is wide": ForeignViT(dim=51, prefix=2),
    "as many heads as tokens": ForeignViT(dim=34, heads=17, prefix=2),
    "as many heads as pictures": ForeignViT(heads=3, batch=1),
    "one head": ForeignViT(heads=1),
}


@pytest.mark.parametrize("vit", WAYS.values(), ids=WAYS)
def test_a_vit_gives_its_own_maps(vit: ForeignViT, tapped: Tapped) -> None:
    file = tapped(vit)
    onnx.checker.check_model(file, full_check=True)
    assert_right(file, vit, 1)
    # A graph for one picture may stay one.
    if vit.batch is None or load_shapes(file)["images"][0] is None:
        assert_right(file, vit, 3)


@pytest.mark.parametrize("vit", PREFIXES.values(), ids=PREFIXES)
def test_the_manifest_says_what_the_graph_is(vit: ForeignViT, tapped: Tapped) -> None:
    file = tapped(vit)
    manifest = load_manifest(file)
    assert manifest.contract_version == 1
    assert (manifest.grid, manifest.size) == (vit.grid, vit.size)
    assert (manifest.blocks, manifest.heads, manifest.dim) == (vit.blocks, vit.heads, vit.dim)
    assert len(manifest.prefix_tokens) == vit.prefix
    assert len(set(manifest.prefix_tokens)) == vit.prefix
    assert (manifest.preprocessing.mean, manifest.preprocessing.std) == (MEAN, STD)
    assert manifest.preprocessing.size == vit.size
    assert not manifest.untrained
    assert manifest.source.file == "model.onnx"


@pytest.mark.parametrize("vit", PREFIXES.values(), ids=PREFIXES)
def test_the_weights_are_those_of_the_original(vit: ForeignViT, tapped: Tapped) -> None:
    file, own = tapped(vit), vit.weights()
    manifest = load_manifest(file)
    assert manifest.position_grid == vit.grid
    assert manifest.position_prefix == manifest.prefix_tokens[: vit.placed]
    found = load_weights(file, ["patch_embed/kernel", "position_embedding"])
    np.testing.assert_array_equal(found["patch_embed/kernel"], own["patch"])
    np.testing.assert_array_equal(found["position_embedding"], own["positions"][0])


@pytest.mark.parametrize(
    "way", [*PREFIXES, "a batch of one", "a batch of one, folded", "fp16", "fp16 weights"]
)
def test_all_commands_work_on_a_tapped_file(way: str, call: Call, tapped: Tapped) -> None:
    vit = WAYS[way]
    file = tapped(vit)
    noise = np.random.default_rng(3).integers(0, 256, (2, 120, 200, 3), np.uint8)
    for number, pixels in enumerate(noise):
        Image.fromarray(pixels).save(f"{number}.png")
    said = call("inspect", file)
    done(said)
    assert f"{vit.grid[0]} x {vit.grid[1]} patches" in said.out
    for probe in ("heads", "rollout", "distance"):
        done(call("probe", probe, file, "0.png", "1.png", "-o", f"{probe}.png"))
        with Image.open(f"{probe}.png") as drawn:
            assert min(drawn.size) > 99
        done(call("bake", file, "--probe", probe, "-o", f"{probe}.onnx"))
    for probe in ("filters", "positions"):
        done(call("probe", probe, file, "-o", f"{probe}.png"))
    engine = vx.Engine(file, device="cpu")
    pictures = photographs(vit, 2)
    attention = engine.run_pixels(pictures, ["block_01/attention"])["block_01/attention"]
    expected = vit.answer(normalised(pictures))["block_01/attention"]
    np.testing.assert_allclose(attention, expected, atol=HALF if way == "fp16" else ATTENTION)


def test_the_means_of_half_are_half(call: Call, desk: Path) -> None:
    vit = WAYS["class"]
    onnx.save(vit.model(), "model.onnx")
    done(call("tap", "model.onnx", "-o", "out.onnx", "--preprocess", "half"))
    assert_right(desk / "out.onnx", vit, 3, mean=(0.5,) * 3, std=(0.5,) * 3)


@pytest.mark.parametrize("beside", [True, False], ids=["beside the file", "named"])
def test_a_hugging_face_config_says_mean_and_std(beside: bool, call: Call, desk: Path) -> None:
    vit, mean, std = WAYS["class"], (0.1, 0.2, 0.3), (0.7, 0.6, 0.5)
    recipe = {
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": mean,
        "image_processor_type": "ViTImageProcessor",
        "image_std": std,
        "resample": 2,
        "rescale_factor": 1 / 255,
        "size": {"height": 24, "width": 40},
    }
    onnx.save(vit.model(), "model.onnx")
    name = "preprocessor_config.json" if beside else "other.json"
    (desk / name).write_text(json.dumps(recipe))
    words = [] if beside else ["--preprocess", f"hf:{name}"]
    done(call("tap", "model.onnx", "-o", "out.onnx", *words))
    assert load_manifest(desk / "out.onnx").preprocessing.mean == mean
    assert_right(desk / "out.onnx", vit, 3, mean, std)


def test_names_that_the_contract_has_for_other_things(call: Call, desk: Path) -> None:
    """Nothing is called as the contract calls it, but for what is something else."""
    vit = WAYS["class"]
    model = vit.model()
    first, second = (node.output[0] for node in model.graph.node if node.op_type == "Softmax")
    embedded = next(node.output[0] for node in model.graph.node if node.op_type == "Conv")
    matrix = next(node.input[1] for node in model.graph.node if node.op_type == "MatMul")
    rename(
        model,
        {
            "pixels": "images",
            "scores": "block_00/tokens",
            first: "block_01/attention",
            second: "block_00/attention",
            embedded: "logits",
            matrix: "position_embedding",
        },
    )
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "model.onnx")
    done(call("tap", "model.onnx", "-o", "out.onnx", "--preprocess", "imagenet"))
    assert_right(desk / "out.onnx", vit, 3)
    (positions,) = load_weights(desk / "out.onnx", ["position_embedding"]).values()
    np.testing.assert_array_equal(positions, vit.weights()["positions"][0])


def rename(model: onnx.ModelProto, names: dict[str, str]) -> None:
    for node in model.graph.node:
        for values in (node.input, node.output):
            values[:] = [names.get(name, name) for name in values]
    for value in (*model.graph.input, *model.graph.output):
        value.name = names.get(value.name, value.name)
    for tensor in model.graph.initializer:
        tensor.name = names.get(tensor.name, tensor.name)


@pytest.mark.parametrize("location", ["weights.bin", "below/weights.bin"])
def test_weights_beside_the_file(location: str, call: Call, desk: Path) -> None:
    vit = WAYS["class"]
    (desk / "below").mkdir()
    save_outside(vit.model(), desk / "model.onnx", location)
    done(call("tap", "model.onnx", "-o", "out.onnx", "--preprocess", "imagenet"))
    assert_right(desk / "out.onnx", vit, 3)


def save_outside(model: onnx.ModelProto, file: Path, location: str) -> None:
    """Save all weights beside the model, or wherever that is."""
    for tensor in model.graph.initializer:
        # What shapes are made of stays, as exporters leave it.
        if tensor.data_type != onnx.TensorProto.INT64:
            onnx.external_data_helper.set_external_data(tensor, location)
    onnx.save(model, file)


def test_python_says_what_it_found(desk: Path) -> None:
    onnx.save(WAYS["class"].model(), "model.onnx")
    assert tap(Path("model.onnx"), Path("out.onnx"), preprocess="imagenet") is not None
    assert_right(desk / "out.onnx", WAYS["class"], 3)


# What is no ViT.


@pytest.mark.parametrize("kind", NO_VITS)
def test_a_graph_that_is_no_vit(kind: str, refused: Callable[..., None]) -> None:
    model = NO_VITS[kind]()
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "model.onnx")
    refused("model.onnx", 1, "model")


@pytest.mark.parametrize("kind", ["ResNet", "Swin", "Perceiver of 17 latents", "If"])
def test_python_raises(kind: str, desk: Path) -> None:
    onnx.save(NO_VITS[kind](), "model.onnx")
    before = contents(desk)
    with pytest.raises(ModelFileError) as caught:
        tap(Path("model.onnx"), Path("out.onnx"), preprocess="imagenet")
    assert_plain(str(caught.value))
    assert contents(desk) == before


def test_a_graph_without_nodes(refused: Callable[..., None]) -> None:
    onnx.save(no_nodes(), "model.onnx")
    refused("model.onnx", 1, "model")


def test_what_is_found_in_part_is_told(call: Call, desk: Path) -> None:
    """One block of two sees the whole picture: refused, or it is said that the other does not."""
    onnx.save(windows_and_one_block(), "model.onnx")
    before = contents(desk)
    outcome = call("tap", "model.onnx", "-o", "out.onnx", "--preprocess", "imagenet")
    if outcome.code:
        assert outcome.code == 1
        assert_sentences(outcome, "model")
        assert contents(desk) == before
    else:
        assert "window" in outcome.out + outcome.err
        assert load_manifest(desk / "out.onnx").blocks == 1


def test_a_grid_that_can_not_be_known(call: Call, desk: Path) -> None:
    """15 patches of a picture of any size: 3 x 5, 5 x 3, 1 x 15 …"""
    model = WAYS["class"].model()
    for place, side in ((2, "height"), (3, "width")):
        model.graph.input[0].type.tensor_type.shape.dim[place].dim_param = side
    onnx.save(model, "model.onnx")
    before = contents(desk)
    outcome = call("tap", "model.onnx", "-o", "out.onnx", "--preprocess", "imagenet")
    assert outcome.code in {1, 2}, outcome
    assert_sentences(outcome, "model")
    assert contents(desk) == before


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["0.qkv", "1.down", "head"])
def test_weights_that_are_no_numbers(name: str, value: float, refused: Callable[..., None]) -> None:
    vit = replace(WAYS["class"], products="split")
    model, wanted = vit.model(), vit.weights()[name]
    (tensor,) = (
        tensor
        for tensor in model.graph.initializer
        if np.array_equal(numpy_helper.to_array(tensor), wanted)
    )
    changed = wanted.copy()
    changed[3, 5] = value
    tensor.CopyFrom(numpy_helper.from_array(changed, tensor.name))
    onnx.save(model, "model.onnx")
    refused("model.onnx", 1, "model")


# What is no file of a model.


@pytest.mark.parametrize("kind", ["random", "zeros", "text", "picture", "empty"])
def test_a_file_of_something_else(kind: str, refused: Callable[..., None], desk: Path) -> None:
    file = desk / "model.onnx"
    if kind == "random":
        file.write_bytes(np.random.default_rng(0).bytes(5003))
    elif kind == "zeros":
        file.write_bytes(bytes(4096))
    elif kind == "text":
        file.write_text("version https://git-lfs.github.com/spec/v1\n" * 9)
    elif kind == "picture":
        Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(file, "png")
    else:
        file.touch()
    refused("model.onnx", 1, "model.onnx", "again")


@pytest.mark.parametrize("seed", range(20))
def test_a_file_of_random_bytes(seed: int, refused: Callable[..., None], desk: Path) -> None:
    random = np.random.default_rng(seed)
    (desk / "model.onnx").write_bytes(random.bytes(int(random.integers(1, 40))))
    refused("model.onnx", 1, "model.onnx")


@pytest.mark.parametrize("kept", [1, 2, 17, 1000, 0.5, 0.99, -1])
def test_a_file_that_is_cut_off(kept: float, refused: Callable[..., None], desk: Path) -> None:
    whole = WAYS["class"].model().SerializeToString()
    end = int(kept * len(whole)) if isinstance(kept, float) else kept
    (desk / "model.onnx").write_bytes(whole[:end])
    refused("model.onnx", 1, "model.onnx")


@pytest.mark.parametrize("seed", range(20))
def test_a_file_of_which_bytes_are_wrong(seed: int, call: Call, desk: Path) -> None:
    """Refused; or taken, where the bytes are only weights, or names."""
    damaged = bytearray(WAYS["one block"].model().SerializeToString())
    random = np.random.default_rng(seed)
    # Before its weights, a graph has its nodes.
    for place in random.integers(0, 4000, 3):
        damaged[place] = random.integers(256)
    (desk / "model.onnx").write_bytes(damaged)
    before = contents(desk)
    outcome = call("tap", "model.onnx", "-o", "out.onnx", "--preprocess", "imagenet")
    if outcome.code:
        assert outcome.code == 1
        assert_sentences(outcome)
        assert contents(desk) == before
    else:
        attention = run(desk / "out.onnx", images=photographs(WAYS["one block"], 1))
        np.testing.assert_allclose(attention["block_00/attention"].sum(-1), 1, atol=ATTENTION)


def test_a_folder(refused: Callable[..., None], desk: Path) -> None:
    (desk / "model.onnx").mkdir()
    refused("model.onnx", {1, 2}, "model.onnx", "folder")


def test_a_file_that_is_not_there(refused: Callable[..., None]) -> None:
    refused("nowhere/model.onnx", 1, "nowhere/model.onnx")


def without_opset(model: onnx.ModelProto) -> None:
    del model.opset_import[:]


def without_graph(model: onnx.ModelProto) -> None:
    model.ClearField("graph")


def with_future_opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 999


def with_unknown_operator(model: onnx.ModelProto) -> None:
    node = next(node for node in model.graph.node if node.op_type == "Erf")
    node.op_type = "Foo"


def with_unknown_domain(model: onnx.ModelProto) -> None:
    node = next(node for node in model.graph.node if node.op_type == "Erf")
    node.domain = "org.example"
    model.opset_import.append(helper.make_opsetid("org.example", 1))


def with_loose_end(model: onnx.ModelProto) -> None:
    next(node for node in model.graph.node if node.op_type == "Softmax").input[0] = "nothing"


def with_circle(model: onnx.ModelProto) -> None:
    softmax = [node for node in model.graph.node if node.op_type == "Softmax"]
    softmax[0].input[0] = softmax[1].output[0]


def with_one_name_twice(model: onnx.ModelProto) -> None:
    softmax = [node for node in model.graph.node if node.op_type == "Softmax"]
    softmax[1].output[0] = softmax[0].output[0]


def with_a_weight_less(model: onnx.ModelProto) -> None:
    del model.graph.initializer[-1]


def with_short_weight(model: onnx.ModelProto) -> None:
    """Some of its bytes are gone."""
    tensor = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    tensor.raw_data = tensor.raw_data[:-8]


def with_weight_of_another_type(model: onnx.ModelProto) -> None:
    tensor = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    values = numpy_helper.to_array(tensor).astype(np.float64)
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def with_weight_of_another_shape(model: onnx.ModelProto) -> None:
    tensor = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    values = numpy_helper.to_array(tensor)
    tensor.CopyFrom(numpy_helper.from_array(values[:-1], tensor.name))


def with_shape_for_another_batch(model: onnx.ModelProto) -> None:
    """What only running it shows."""
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.INT64 and list(tensor.dims) == [4]:
            changed = numpy_helper.to_array(tensor).copy()
            changed[0] = 7
            tensor.CopyFrom(numpy_helper.from_array(changed, tensor.name))


def with_more_than_any_memory(model: onnx.ModelProto) -> None:
    """A petabyte of zeros, of which the mean is added."""
    shape = numpy_helper.from_array(np.array([2**25, 2**25], np.int64), "shape")
    model.graph.initializer.append(shape)
    model.graph.node[-1].output[0] = "unmoved"
    model.graph.node.extend(
        [
            helper.make_node("ConstantOfShape", ["shape"], ["zeros"]),
            helper.make_node("ReduceMean", ["zeros"], ["zero"], keepdims=0),
            helper.make_node("Add", ["unmoved", "zero"], ["scores"]),
        ]
    )


DAMAGES = (
    with_more_than_any_memory,
    without_opset,
    without_graph,
    with_future_opset,
    with_unknown_operator,
    with_unknown_domain,
    with_loose_end,
    with_circle,
    with_one_name_twice,
    with_a_weight_less,
    with_short_weight,
    with_weight_of_another_type,
    with_weight_of_another_shape,
    with_shape_for_another_batch,
)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_graph_that_can_not_be_run(
    damage: Callable[[onnx.ModelProto], None], refused: Callable[..., None], desk: Path
) -> None:
    model = WAYS["class"].model()
    damage(model)
    (desk / "model.onnx").write_bytes(model.SerializeToString())
    refused("model.onnx", 1)


# Weights in other files.


def test_weights_that_are_missing(refused: Callable[..., None], desk: Path) -> None:
    save_outside(WAYS["class"].model(), desk / "model.onnx", "weights.bin")
    (desk / "weights.bin").unlink()
    refused("model.onnx", 1, "weights.bin")


@pytest.mark.parametrize("kind", ["empty", "short", "folder"])
def test_weights_that_are_damaged(kind: str, refused: Callable[..., None], desk: Path) -> None:
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
def test_places_that_are_wrong(
    key: str, value: str, refused: Callable[..., None], desk: Path
) -> None:
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


def test_a_place_without_a_file(refused: Callable[..., None], desk: Path) -> None:
    save_outside(WAYS["class"].model(), desk / "model.onnx", "weights.bin")
    model = onnx.load("model.onnx", load_external_data=False)
    tensor = external(model)[0]
    tensor.external_data.remove(tensor.external_data[0])
    (desk / "model.onnx").write_bytes(model.SerializeToString())
    refused("model.onnx", 1, "model.onnx")


# Wrong calls.


@pytest.fixture
def vit_file(desk: Path) -> str:
    """A ViT with which there is nothing wrong."""
    onnx.save(WAYS["class"].model(), "model.onnx")
    return "model.onnx"


@pytest.mark.parametrize(
    "recipe",
    [
        "imagnet",
        "IMAGENET21K",
        "timm",
        "timm:",
        "timm:no_such_model",
        "hf",
        "hf:",
        "hf:nowhere.json",
        "hf:.",
        "0.5",
        "0.5,0.5,0.5",
        "0.5,0.5,0.5,0.5",
        "0.5,0.5,0.5,0.5,0.5",
        "0.1,0.2,0.3,0.4,0.5,0.6,0.7",
        "0.5,",
        ",",
        "0.5,half",
        "0.5,0",
        "0.5,-0.5",
        "nan,0.5",
        "0.5,nan",
        "0.5,inf",
        "0.5,0.5,0.5,0.5,0,0.5",
    ],
)
def test_a_recipe_that_is_none(
    recipe: str, vit_file: str, refused: Callable[..., None], desk: Path
) -> None:
    refused(vit_file, 2, recipe.partition(":")[2] or recipe, words=f"--preprocess {recipe}")
    with pytest.raises(UsageError):
        tap(Path(vit_file), desk / "out.onnx", preprocess=recipe)


def test_an_empty_recipe(vit_file: str, call: Call, desk: Path) -> None:
    before = contents(desk)
    outcome = call("tap", vit_file, "-o", "out.onnx", "--preprocess", "")
    assert outcome.code == 2, outcome
    assert_sentences(outcome, "imagenet", "half", "timm:", "hf:")
    assert contents(desk) == before


def test_no_recipe_at_all(vit_file: str, refused: Callable[..., None], desk: Path) -> None:
    refused(vit_file, 2, "--preprocess", "imagenet", "half", "timm:", "hf:", words="")
    with pytest.raises(UsageError):
        tap(Path(vit_file), desk / "out.onnx")


BROKEN = {
    "no JSON": "Dear model,",
    "a list": "[1, 2]",
    "nothing": "",
    "no mean": '{"image_std": [0.5, 0.5, 0.5]}',
    "two means": '{"image_mean": [0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}',
    "words": '{"image_mean": ["a", "b", "c"], "image_std": [0.5, 0.5, 0.5]}',
    "std of 0": '{"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.0, 0.5]}',
    "no number": '{"image_mean": [0.5, NaN, 0.5], "image_std": [0.5, 0.5, 0.5]}',
}


@pytest.mark.parametrize("name", ["given.json", "preprocessor_config.json"])
@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_config_that_is_broken(
    text: str, name: str, vit_file: str, refused: Callable[..., None], desk: Path
) -> None:
    """Named, or found beside the file: what it says is never half taken."""
    (desk / name).write_text(text)
    words = "--preprocess hf:given.json" if name == "given.json" else ""
    refused(vit_file, {1, 2}, name, words=words)


def test_a_config_beside_the_file_is_not_read_where_something_is_said(
    vit_file: str, call: Call, desk: Path
) -> None:
    (desk / "preprocessor_config.json").write_text("Dear model,")
    done(call("tap", vit_file, "-o", "out.onnx", "--preprocess", "half"))
    assert load_manifest(desk / "out.onnx").preprocessing.mean == (0.5, 0.5, 0.5)


# Where it goes.


@pytest.mark.parametrize("output", ["model.onnx", "./model.onnx", "link.onnx"])
def test_the_model_is_not_written_over(
    output: str, vit_file: str, refused: Callable[..., None], desk: Path
) -> None:
    (desk / "link.onnx").symlink_to("model.onnx")
    refused(vit_file, 2, Path(output).name, words=f"--preprocess imagenet -o {output}")


def test_the_weights_are_not_written_over(refused: Callable[..., None], desk: Path) -> None:
    save_outside(WAYS["class"].model(), desk / "model.onnx", "weights.bin")
    refused("model.onnx", 2, "weights.bin", words="--preprocess imagenet -o weights.bin")


def test_the_config_is_not_written_over(
    vit_file: str, refused: Callable[..., None], desk: Path
) -> None:
    (desk / "a.json").write_text('{"image_mean": [0.1, 0.2, 0.3], "image_std": [0.5, 0.5, 0.5]}')
    refused(vit_file, 2, "a.json", words="--preprocess hf:a.json -o a.json")


@pytest.mark.parametrize("output", ["nowhere/out.onnx", "folder", "."])
def test_a_target_that_can_not_be(
    output: str, vit_file: str, refused: Callable[..., None], desk: Path
) -> None:
    (desk / "folder").mkdir()
    refused(vit_file, 2, output, words=f"--preprocess imagenet -o {output}")


@pytest.fixture
def closed() -> Iterator[Path]:
    """Give a folder that nobody may write in. Root may, so root becomes nobody meanwhile."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        onnx.save(WAYS["class"].model(), folder / "model.onnx")
        # What is loaded is loaded now, while it can be read.
        tap(folder / "model.onnx", folder / "warm.onnx", preprocess="imagenet")
        (folder / "warm.onnx").unlink()
        folder.chmod(0o555)
        is_root = os.geteuid() == 0
        if is_root:
            os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            if is_root:
                os.seteuid(0)
            folder.chmod(0o755)


def test_a_folder_without_permission(call: Call, closed: Path) -> None:
    target = closed / "out.onnx"
    outcome = call("tap", closed / "model.onnx", "-o", target, "--preprocess", "imagenet")
    assert outcome.code == 1, outcome
    assert_sentences(outcome, str(target), "permission")
    assert [file.name for file in closed.iterdir()] == ["model.onnx"]


def test_what_stood_there_stays(refused: Callable[..., None], desk: Path) -> None:
    (desk / "out.onnx").write_bytes(b"older")
    onnx.save(NO_VITS["Swin"](), "model.onnx")
    refused("model.onnx", 1)  # and the folder's contents are compared


def test_what_stood_there_is_replaced(call: Call, vit_file: str, desk: Path) -> None:
    (desk / "out.onnx").write_bytes(b"older")
    done(call("tap", vit_file, "-o", "out.onnx", "--preprocess", "imagenet"))
    assert_right(desk / "out.onnx", WAYS["class"], 1)
    assert sorted(contents(desk)) == ["model.onnx", "out.onnx"]


# Files of our own.


@pytest.mark.parametrize("name", demo_models())
def test_a_file_that_is_probe_ready(name: str, refused: Callable[..., None], desk: Path) -> None:
    shutil.copy(demo_models()[name], desk / "model.onnx")
    refused("model.onnx", {1, 2}, "model.onnx", "no tapping")


def test_a_file_that_was_tapped(tapped: Tapped, refused: Callable[..., None]) -> None:
    tapped(WAYS["class"])
    words = "--preprocess imagenet -o again.onnx"
    refused("out.onnx", {1, 2}, "out.onnx", "no tapping", words=words)


def test_a_baked_file(call: Call, refused: Callable[..., None]) -> None:
    source = next(iter(demo_models().values()))
    done(call("bake", source, "--probe", "heads", "-o", "model.onnx"))
    refused("model.onnx", {1, 2}, "model.onnx", "no tapping")


# Large files, which are holes but for a few kilobytes.


@pytest.fixture
def room(desk: Path) -> Iterator[None]:
    """Skip where there is no room for a tapped copy; leave nothing large behind."""
    if sys.platform != "linux":
        pytest.skip("elsewhere files may have no holes, and peak memory has another unit")
    if shutil.disk_usage(desk).free < 3 * LARGE:
        pytest.skip("a copy of 2.2 GB would be close to fill the disk")
    available = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    if available is None or 1024 * int(available[1]) < 4 * LARGE:
        pytest.skip("there is less memory than four copies of 2.2 GB")
    yield
    for file in list(desk.iterdir()):
        file.unlink()


def with_large_table(model: onnx.ModelProto, *, looked_up: bool) -> onnx.TensorProto:
    """Add a row of a table to what the head reads, which is all zeros, and give the table.

    The row that the picture says, for which all rows have to be kept; or the first.
    """
    table = onnx.TensorProto(name="table", data_type=onnx.TensorProto.FLOAT)
    table.dims.extend([LARGE // (4 * WAYS["class"].dim), WAYS["class"].dim])
    model.graph.initializer.append(numpy_helper.from_array(np.array([0], np.int64), "first"))
    (place,) = (at for at, node in enumerate(model.graph.node) if node.op_type == "Gemm")
    head = model.graph.node[place]
    added = [
        helper.make_node("ArgMax", [head.input[0]], ["largest"], axis=1, keepdims=0),
        helper.make_node("Gather", ["table", "largest" if looked_up else "first"], ["row"]),
        helper.make_node("Add", [head.input[0], "row"], ["moved"]),
    ]
    head.input[0] = "moved"
    for node in reversed(added):
        model.graph.node.insert(place, node)
    return table


@pytest.mark.parametrize("looked_up", [True, False])
def test_more_than_two_gigabytes_beside_the_file(looked_up: bool, room: None, desk: Path) -> None:
    model = WAYS["class"].model()
    table = with_large_table(model, looked_up=looked_up)
    table.data_location = onnx.TensorProto.EXTERNAL
    table.external_data.add(key="location", value="table.bin")
    model.graph.initializer.append(table)
    (desk / "model.onnx").write_bytes(model.SerializeToString())
    with (desk / "table.bin").open("wb") as stream:
        stream.truncate(4 * int(np.prod(table.dims)))
    assert_large(desk)


def test_more_than_two_gigabytes_in_the_file(room: None, desk: Path) -> None:
    """What protobuf can't read, though it is written as protobuf says."""
    model = WAYS["class"].model()
    table = with_large_table(model, looked_up=False)
    size = 4 * int(np.prod(table.dims))
    # Fields of onnx.proto, with their wire type: graph 7, its initializer 5, its raw_data 9.
    raw = table.SerializeToString() + b"\x4a" + varint(size)
    graph = model.graph.SerializeToString() + b"\x2a" + varint(len(raw) + size) + raw
    model.ClearField("graph")
    start = model.SerializeToString() + b"\x3a" + varint(len(graph) + size) + graph
    with (desk / "model.onnx").open("wb") as stream:
        stream.write(start)
        stream.truncate(len(start) + size)
    assert_large(desk)


def test_more_than_two_gigabytes_of_nothing(room: None, desk: Path) -> None:
    with (desk / "model.onnx").open("wb") as stream:
        stream.truncate(LARGE)
    assert not assert_large(desk)


def varint(value: int) -> bytes:
    """Write an integer as protobuf does: seven bits a byte, lowest first."""
    groups = [value >> shift & 0x7F for shift in range(0, value.bit_length() or 1, 7)]
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


def assert_large(desk: Path) -> bool:
    """Check that a large model is tapped within memory, or refused in a sentence."""
    before = sorted(file.name for file in desk.iterdir())
    words = ["tap", "model.onnx", "-o", "out.onnx", "--preprocess", "imagenet"]
    outcome = finished([sys.executable, "-c", MEASURED, *words])
    *said, kilobytes = outcome.err.splitlines(keepends=True)
    # Room for the weights as they are read, in both graphs that are compared, and to spare.
    assert 1024 * int(kilobytes) < 4 * LARGE
    if outcome.code == 0:
        assert_right(desk / "out.onnx", WAYS["class"], 1)
        return True
    assert outcome.code == 1, outcome
    assert_sentences(Outcome(outcome.code, outcome.out, "".join(said)), "model.onnx")
    assert sorted(file.name for file in desk.iterdir()) == before
    return False
