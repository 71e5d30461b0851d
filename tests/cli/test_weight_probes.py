"""What is asked of weights: forms, names, numbers, and bad calls."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest

import vitonnx as vx
from terminal import Outcome, assert_refused, contents, run_without
from vitonnx.graph import read_manifest, write_manifest

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]
PROBES = ["filters", "positions"]


@pytest.fixture
def rotary(exported: Exported, tmp_path: Path) -> Path:
    """A model that says it has no position embedding."""
    model = ir.load(exported("plain"))
    manifest = replace(read_manifest(model), name="rotary", position_grid=None, position_prefix=())
    write_manifest(model, manifest)
    embedding = model.graph.initializers.pop("position_embedding")
    embedding.name = "another"
    model.graph.initializers.add(embedding)
    ir.save(model, tmp_path / "rotary.onnx")
    return tmp_path / "rotary.onnx"


def test_filters(call: Call, exported: Exported) -> None:
    words = ("--count", "11", "--components", "3", "-o", "f.npz")
    outcome = call("probe", "filters", exported("plain"), *words)
    assert (outcome.code, outcome.out) == (0, "f.npz\n")
    expected = vx.probe_weights(exported("plain"), vx.Filters(count=11, components=3))
    with np.load("f.npz", allow_pickle=False) as found:
        assert set(found) == {"filters", "components", "explained_variance_ratio"}
        assert found["filters"].shape == (11, 8, 8, 3)
        np.testing.assert_array_equal(found["filters"], expected.filters)
        np.testing.assert_array_equal(found["components"], expected.components)
        np.testing.assert_array_equal(
            found["explained_variance_ratio"], expected.explained_variance_ratio
        )


def test_positions(call: Call, exported: Exported) -> None:
    outcome = call("probe", "positions", exported("registers"), "--metric", "dot", "-o", "p.npz")
    assert (outcome.code, outcome.out) == (0, "p.npz\n")
    expected = vx.probe_weights(exported("registers"), vx.Positions(metric="dot"))
    with np.load("p.npz", allow_pickle=False) as found:
        assert set(found) == {"similarity"}
        assert found["similarity"].shape == (35, 35)
        np.testing.assert_array_equal(found["similarity"], expected.similarity)


@pytest.mark.parametrize("probe", PROBES)
@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_figures(probe: str, suffix: str, call: Call, exported: Exported, desk: Path) -> None:
    outcome = call("probe", probe, exported("plain"), "-o", f"weights{suffix}")
    assert (outcome.code, outcome.out, outcome.errors) == (0, f"weights{suffix}\n", [])
    assert len((desk / f"weights{suffix}").read_bytes()) > 5_000
    assert outcome.notes == ["the weights are random: the maps of an untrained model mean nothing."]
    first = contents(desk)
    call("probe", probe, exported("plain"), "-o", f"weights{suffix}")
    assert contents(desk) == first  # the same bytes


@pytest.mark.parametrize("probe", PROBES)
def test_by_default_a_figure_has_the_models_name(
    probe: str, call: Call, exported: Exported, desk: Path
) -> None:
    outcome = call("probe", probe, exported("plain"), "--quiet")
    assert (outcome.code, outcome.out, outcome.err) == (0, f"plain.{probe}.png\n", "")
    assert set(contents(desk)) == {f"plain.{probe}.png"}


def test_models_stand_on_the_first_axis(call: Call, exported: Exported) -> None:
    kinds = ["registers", "pooled", "class_placed"]  # 5, 0 and 1 rows of prefix tokens
    first, *others = [exported(kind) for kind in kinds]
    words = [word for other in others for word in ("--compare", other)]
    assert call("probe", "positions", first, *words, "-o", "p.npz").code == 0
    assert call("probe", "filters", first, *words, "-o", "f.npz").code == 0
    with np.load("p.npz") as positions, np.load("f.npz") as filters:
        assert positions["models"].tolist() == [f"tiny_{kind}" for kind in kinds]
        assert filters["models"].tolist() == [f"tiny_{kind}" for kind in kinds]
        assert set(filters) == {"models", "filters"}
        for index, kind in enumerate(kinds):
            found = vx.probe_weights(exported(kind), vx.Positions())
            np.testing.assert_array_equal(positions["similarity"][index], found.similarity)
            kernels = vx.probe_weights(exported(kind), vx.Filters())
            np.testing.assert_array_equal(filters["filters"][index], kernels.filters)


@pytest.mark.parametrize("probe", PROBES)
def test_models_stand_side_by_side(probe: str, call: Call, exported: Exported, desk: Path) -> None:
    outcome = call("probe", probe, exported("plain"), "--compare", exported("sincos"))
    assert (outcome.code, outcome.out) == (0, f"plain-sincos.{probe}.png\n")
    assert outcome.notes == [
        "the weights of tiny_plain, tiny_sincos are random: "
        "the maps of an untrained model mean nothing."
    ]
    assert set(contents(desk)) == {f"plain-sincos.{probe}.png"}


def test_models_of_one_name_are_called_by_their_files(
    call: Call, exported: Exported, desk: Path
) -> None:
    shutil.copy(exported("plain"), desk / "again.onnx")
    call("probe", "filters", exported("plain"), "--compare", "again.onnx", "-o", "f.npz")
    with np.load("f.npz") as found:
        assert found["models"].tolist() == [str(exported("plain")), "again.onnx"]


def test_files_of_other_shapes_are_drawn_and_not_stacked(
    call: Call, exported: Exported, desk: Path
) -> None:
    """A sine-cosine model has 24 filters, the others 21."""
    words = "probe", "filters", exported("plain"), "--compare", exported("sincos")
    outcome = call(*words, "--quiet", "-o", "f.npz")
    assert_refused(outcome, 2, "21x8x8x3 in tiny_plain", "24x8x8x3 in tiny_sincos", "on its own")
    assert not contents(desk)
    assert call(*words, "--quiet", "-o", "f.png").code == 0


def test_a_model_without_positions(
    call: Call, exported: Exported, rotary: Path, desk: Path
) -> None:
    assert_refused(call("probe", "positions", rotary), 2, "no position embedding to compare")
    compared = call("probe", "positions", exported("plain"), "--compare", rotary)
    assert_refused(compared, 2, "rotary: the model has no position embedding")
    assert not contents(desk)
    assert call("probe", "filters", rotary).code == 0


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("positions MODEL --metric cos", ["metric 'cos' is unknown", "cosine, dot"]),
        ("filters MODEL --components 21", ["21 components", "21 filters of 8x8 pixels have 20"]),
        ("filters MODEL --components 0", ["components is 0", "at least 1"]),
        ("filters MODEL --count -1", ["count is -1", "at least 1"]),
        ("filters MODEL --count few", ["--count 'few' is not a whole number"]),
        ("filters MODEL --compare MODEL", ["given twice"]),
        ("filters MODEL --compare nonsense", ["nonsense"]),
        ("filters nonsense", ["nonsense", "vitonnx models"]),
        ("positions MODEL -o map.jpg", ["map.jpg", ".png, .pdf, .svg", ".npz"]),
        ("positions MODEL -o none/map.png", ["folder", "none", "does not exist"]),
        ("filters MODEL -o folder.png", ["folder.png", "it is a folder"]),
        ("filters MODEL bird.png", ["bird.png"]),
    ],
)
def test_bad_calls(
    words: str, parts: list[str], call: Call, exported: Exported, desk: Path
) -> None:
    (desk / "folder.png").mkdir()
    before = contents(desk)
    model = str(exported("plain"))
    outcome = call("probe", *(model if word == "MODEL" else word for word in words.split()))
    assert_refused(outcome, 2, *parts)
    assert contents(desk) == before


@pytest.mark.parametrize("probe", PROBES)
@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("text", ["not an ONNX model"]),
        ("cut", ["damaged"]),
        ("foreign", ["isn't probe-ready", "vitonnx tap"]),
        ("missing.onnx", ["There is no file"]),
        ("empty", ["empty"]),
    ],
)
def test_bad_models(
    probe: str, kind: str, parts: list[str], call: Call, exported: Exported, desk: Path
) -> None:
    content = exported("plain").read_bytes()
    (desk / "text").write_text("Dear model")
    (desk / "cut").write_bytes(content[: len(content) // 2])
    model = onnx.load_from_string(content)
    del model.metadata_props[:]
    onnx.save(model, desk / "foreign")
    (desk / "empty").touch()
    before = contents(desk)
    assert_refused(call("probe", probe, kind), 1, kind, *parts)
    assert_refused(call("probe", probe, exported("plain"), "--compare", kind), 1, kind, *parts)
    assert contents(desk) == before


def test_pictures_need_no_videos(exported: Exported, pictures: Path, desk: Path) -> None:
    """PyAV takes a fifth of a second to import."""
    model = exported("plain")
    outcome = run_without(
        "av matplotlib.pyplot",
        f"probe heads '{model}' '{pictures}'",
        f"probe distance '{model}' '{pictures}' -o d.csv",
    )
    assert (outcome.code, outcome.errors) == (0, [])


def test_no_runtime_and_no_framework(exported: Exported, desk: Path) -> None:
    model = exported("plain")
    outcome = run_without(
        "onnxruntime tensorflow keras tf2onnx onnx_ir onnxscript av matplotlib.pyplot",
        f"probe filters '{model}' --components 5 -o f.png",
        f"probe positions '{model}' -o p.npz",
    )
    assert (outcome.code, outcome.errors) == (0, [])
    assert set(contents(desk)) == {"f.png", "p.npz"}


@pytest.mark.parametrize("probe", PROBES)
def test_help_has_an_example_that_runs(
    probe: str, call: Call, exported: Exported, desk: Path
) -> None:
    shutil.copy(exported("plain"), desk / "dino.onnx")
    said = " ".join(re.sub(r"[│╭╰─]", " ", call("probe", probe, "--help").out).split())
    example = re.search(r"Example: vitonnx (.*?\.png)", said)
    assert example is not None
    words = ["5" if word == "28" else word for word in example[1].split()]  # of 21 filters
    assert call(*words).code == 0
    assert (desk / f"{probe}.png").exists()
