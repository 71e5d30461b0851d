"""What an exported file promises, on models with 0, 1, 2 and 5 prefix tokens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest

import tiny_models as tiny
from vitonnx.errors import ExportError, UsageError, VitonnxError
from vitonnx.export import _export_model, export_model
from vitonnx.modelfile import _graph, load_manifest, save_graph
from vitonnx.models import VisionTransformer, random_parameters
from vitonnx.positions import sincos_table

KINDS = list(tiny.CONFIGS)
Exported = Callable[[str], Path]


def outputs(file: Path, images: np.ndarray) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, map(np.asarray, session.run(names, {"images": images})), strict=True))


def noise(count: int, size: tuple[int, int] = tiny.RECIPE.size) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (count, *size, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_has_the_contracts_outputs(kind: str, exported: Exported) -> None:
    config = tiny.CONFIGS[kind]
    got = outputs(exported(kind), noise(3))
    expected: dict[str, tuple[int, ...]] = {"embedding": (3, config.embedding_dim)}
    if config.classes:
        expected["logits"] = (3, config.classes)
    for block in range(config.blocks):
        tokens = config.tokens
        expected[f"block_{block:02d}/attention"] = (3, config.heads, tokens, tokens)
        expected[f"block_{block:02d}/tokens"] = (3, tokens, config.dim)
    assert {name: value.shape for name, value in got.items()} == expected
    assert {value.dtype for value in got.values()} == {np.dtype(np.float32)}
    for block in range(config.blocks):
        sums = got[f"block_{block:02d}/attention"].sum(axis=-1)
        # 36 to 40 float32 numbers that were divided by their float32 sum.
        np.testing.assert_allclose(sums, 1, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_graph_is_canonical(kind: str, exported: Exported) -> None:
    config = tiny.CONFIGS[kind]
    model = onnx.load(exported(kind))
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version == 10
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 21)]
    operators = Counter(node.op_type for node in model.graph.node)
    assert operators["Softmax"] == operators["Gelu"] == config.blocks
    assert operators["LayerNormalization"] == 2 * config.blocks + 1
    assert not operators.keys() & {"Erf", "Tanh", "Sqrt", "Pow", "Identity", "Constant", "Einsum"}
    in_block = Counter(node.name.partition("/")[0] for node in model.graph.node)
    most = 30 + 2 * config.layer_scale  # the two multiplications of layer scale
    assert all(in_block[f"block_{block:02d}"] <= most for block in range(config.blocks))
    names = [node.name for node in model.graph.node]
    assert len(set(names)) == len(names)
    batch = model.graph.input[0].type.tensor_type.shape.dim[0]
    assert batch.dim_param == "batch"


@pytest.mark.parametrize("kind", ["plain", "registers_unplaced", "sincos", "pooled"])
def test_the_checkpoints_own_values_stay_in_the_file(kind: str, exported: Exported) -> None:
    model = onnx.load(exported(kind))
    stored = {entry.name: onnx.numpy_helper.to_array(entry) for entry in model.graph.initializer}
    parameters = random_parameters(tiny.CONFIGS[kind], 7)
    kernel = parameters["patch_embed/kernel"].transpose(3, 2, 0, 1)
    np.testing.assert_array_equal(stored["patch_embed/kernel"], kernel)
    positions = stored["position_embedding"]
    assert positions.shape == (tiny.CONFIGS[kind].positions, tiny.CONFIGS[kind].dim)
    if kind != "sincos":
        np.testing.assert_array_equal(positions, parameters["position_embedding"])


def test_pixels_are_normalised_in_the_graph(exported: Exported) -> None:
    """Against the recipe's own arithmetic, written out here in float64."""
    images = noise(2)
    mean, std = np.array(tiny.RECIPE.mean), np.array(tiny.RECIPE.std)
    network = VisionTransformer(tiny.CONFIGS["plain"])
    network.assign(random_parameters(tiny.CONFIGS["plain"], 7))
    logits = network(((images / 255 - mean) / std).astype(np.float32)).logits.numpy()
    got = outputs(exported("plain"), images)["logits"]
    np.testing.assert_allclose(got, logits, atol=2e-5 * np.abs(logits).max(), rtol=0)


def test_the_manifest_says_what_the_file_is(exported: Exported) -> None:
    manifest = load_manifest(exported("registers"))
    assert (manifest.name, manifest.family, manifest.patch_size) == ("tiny_registers", "vit", 8)
    assert manifest.grid == manifest.position_grid == (5, 7)
    assert manifest.prefix_tokens == manifest.position_prefix == tiny.REGISTERS
    assert (manifest.blocks, manifest.heads, manifest.dim) == (2, 3, 21)
    assert manifest.preprocessing == tiny.RECIPE
    assert manifest.classes == tuple(f"class {index}" for index in range(11))
    assert manifest.untrained
    assert manifest.source.file == "random:7"
    assert {"tensorflow", "onnx", "vitonnx"} <= {
        name.removesuffix("-cpu") for name in manifest.versions
    }
    assert set(manifest.parity) == {"logits", "embedding", "attention", "tokens"}
    for error in manifest.parity.values():
        assert 0 < error <= 2e-5
        assert float(f"{error:.0e}") == error  # one digit


def test_metadata_has_exactly_the_contracts_keys(exported: Exported) -> None:
    (entry,) = onnx.load(exported("plain")).metadata_props
    assert entry.key == "vitonnx.manifest"
    assert set(json.loads(entry.value)) == {
        "contract_version",
        "name",
        "family",
        "patch_size",
        "grid",
        "prefix_tokens",
        "blocks",
        "heads",
        "dim",
        "position_grid",
        "position_prefix",
        "position_interpolation",
        "preprocessing",
        "classes",
        "source",
        "parity",
        "versions",
    }


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        ("plain", (24, 88)),
        ("headless", (40, 64)),
        ("registers_unplaced", (24, 88)),
        ("pooled", (40, 64)),
        ("sincos", (24, 88)),
    ],
)
def test_another_size_is_verified_against_tensorflow_too(
    kind: str, size: tuple[int, int], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "other.onnx"
    manifest, parity = export_model(tiny.spec(kind), file, weights=7, size=size)
    assert manifest == load_manifest(file)
    assert manifest.size == manifest.preprocessing.size == size
    # The checkpoint's own table stays, but where it is a formula.
    assert manifest.position_grid == (manifest.grid if kind == "sincos" else (5, 7))
    onnx.checker.check_model(file, full_check=True)
    assert max(parity.values()) <= 2e-5
    assert outputs(file, noise(2, size))["block_01/attention"].shape[-1] == manifest.tokens
    assert_nothing_to_warn_of(caplog)
    if kind == "sincos":
        # As big_vision does, which has no table to resample.
        stored = {entry.name: entry for entry in onnx.load(file).graph.initializer}
        table = onnx.numpy_helper.to_array(stored["position_embedding"])
        np.testing.assert_array_equal(table, sincos_table((3, 11), 24, prefix=1))


def assert_nothing_to_warn_of(caplog: pytest.LogCaptureFixture) -> None:
    """A graph pass that fails is logged by the library that runs it, and otherwise passed over."""
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


def test_a_size_that_does_not_fit_says_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"patch size 8.*nearest multiple is 40x64"):
        export_model(tiny.spec(), tmp_path / "x.onnx", weights=7, size=(41, 63))
    assert not list(tmp_path.iterdir())


def test_two_exports_are_the_same_bytes(exported: Exported, tmp_path: Path) -> None:
    """Another is made in a process of its own, with another order of hash tables than here."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import tiny_models as tiny\n"
        "from vitonnx.export import export_model\n"
        "export_model(tiny.spec('registers'), sys.argv[2], weights=7)\n"
    )
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    file = tmp_path / "other.onnx"
    subprocess.run(
        [sys.executable, "-c", program, str(Path(tiny.__file__).parent), str(file)],
        env=os.environ | {"PYTHONHASHSEED": seed},
        check=True,
    )
    assert file.read_bytes() == exported("registers").read_bytes()


def test_a_file_in_one_process_is_the_same_bytes_again(
    exported: Exported, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    export_model(tiny.spec("distilled"), tmp_path / "again.onnx", weights=7)
    assert_nothing_to_warn_of(caplog)
    assert (tmp_path / "again.onnx").read_bytes() == exported("distilled").read_bytes()


def test_a_graph_that_differs_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The verification compares the file with the network: change the graph on the way."""

    def save_wrongly(model: ir.Model, file: Path) -> None:
        bias = model.graph.initializers["block_01/mlp/fc2/bias"]
        bias.const_value = ir.tensor(np.ones(21, np.float32), name=bias.name)
        save_graph(model, file)

    monkeypatch.setattr(_export_model, "save_graph", save_wrongly)
    (tmp_path / "old.onnx").write_bytes(b"old")
    with pytest.raises(ExportError, match=r"block_01/tokens differs from TensorFlow's by"):
        export_model(tiny.spec(), tmp_path / "old.onnx", weights=7)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"old"]


def test_a_weight_that_is_not_a_number_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = random_parameters(tiny.spec().config, 7)
    broken["block_01/norm2/scale"][3] = np.nan
    monkeypatch.setattr(_export_model, "random_parameters", lambda config, seed: broken)
    with pytest.raises(ExportError, match="block_01/tokens differs"):
        export_model(tiny.spec(), tmp_path / "x.onnx", weights=7)
    assert not list(tmp_path.iterdir())


def test_weights_that_are_too_large_go_beside_the_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exported: Exported
) -> None:
    monkeypatch.setattr(_graph, "LARGEST_MESSAGE", 1000)
    export_model(tiny.spec(), tmp_path / "large.onnx", weights=7)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["large.onnx", "large.onnx.data"]
    images = noise(2)
    for name, value in outputs(tmp_path / "large.onnx", images).items():
        np.testing.assert_array_equal(value, outputs(exported("plain"), images)[name])


@pytest.mark.parametrize(
    ("target", "reason"), [("", "is a folder"), ("nowhere/x.onnx", "does not exist")]
)
def test_an_impossible_target_is_refused(tmp_path: Path, target: str, reason: str) -> None:
    with pytest.raises(VitonnxError, match=reason):
        export_model(tiny.spec(), tmp_path / target, weights=7)
    assert not list(tmp_path.iterdir())


def test_a_head_of_zeros_is_no_reason_to_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    untrained = random_parameters(tiny.spec().config, 7)
    untrained["head/kernel"][:] = untrained["head/bias"][:] = 0
    monkeypatch.setattr(_export_model, "random_parameters", lambda config, seed: untrained)
    _, parity = export_model(tiny.spec(), tmp_path / "x.onnx", weights=7)
    assert parity["logits"] == 0
