"""``vitonnx bake``: the file gives what the engine finds, and says what it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

import tiny_models as tiny
import vitonnx as vx
from terminal import Outcome

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]

BATCH = 3
KINDS = ["plain", "distilled", "registers", "pooled"]
PROBES = (vx.Heads(), vx.Rollout(), vx.Distance(), vx.Entropy())


def run(file: str, **feed: np.ndarray) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feed), strict=True))


def noise(size: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (BATCH, *size, 3), np.uint8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fused", [[], ["--fused"]])
def test_a_baked_file_gives_what_numpy_gives(
    kind: str, fused: list[str], call: Call, exported: Exported
) -> None:
    words = [word for probe in PROBES for word in ("--probe", probe.name)]
    outcome = call("bake", exported(kind), *words, *fused, "--size", "24x88", "-o", "baked.onnx")
    assert outcome.code == 0, outcome.err
    assert outcome.out.splitlines()[-1] == "baked.onnx"
    onnx.checker.check_model("baked.onnx", full_check=True)
    engine = vx.Engine(exported(kind), device="cpu", size=(24, 88), in_graph=False)
    pixels = noise((24, 88))
    found = run("baked.onnx", images=pixels)
    assert list(found) == [probe.name for probe in PROBES]
    for probe in PROBES:
        raw = engine.run_pixels(pixels, probe.reads(engine.layout))
        token = probe.token(engine.layout, (0, 0, 1, 1))
        expected = probe.condense(raw, engine.layout, token)
        # Single precision, in another order of sums.
        np.testing.assert_allclose(found[probe.name], expected, rtol=1e-4, atol=1e-6)


def test_without_fused_there_are_standard_operators_only(call: Call, exported: Exported) -> None:
    for words, domains in (([], {""}), (["--fused"], {"", "com.microsoft"})):
        call("bake", exported("plain"), "--probe", "heads", *words, "-o", "baked.onnx")
        model = onnx.load("baked.onnx")
        assert {node.domain for node in model.graph.node} == domains
        assert {opset.domain for opset in model.opset_import} == domains


def test_a_patch_is_an_input(call: Call, exported: Exported) -> None:
    outcome = call(
        "bake", exported("registers"), "--probe", "heads", "--query", "patch", "-o", "b.onnx"
    )
    assert any("queries" in note for note in outcome.notes)
    engine = vx.Engine(exported("registers"), device="cpu")
    pixels = noise(engine.manifest.size)
    tokens = np.array([5, 0, engine.layout.tokens - 1], np.int64)
    attention = engine.run_pixels(pixels, ["block_01/attention"])["block_01/attention"]
    expected = attention[np.arange(BATCH), :, tokens, engine.layout.prefix :]
    found = run("b.onnx", images=pixels, queries=tokens)["heads"]
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-4, atol=1e-6)


def test_logits_come_along_when_asked(call: Call, exported: Exported) -> None:
    call("bake", exported("distilled"), "--probe", "rollout", "--logits", "-o", "baked.onnx")
    engine = vx.Engine(exported("distilled"), device="cpu")
    pixels = noise(engine.manifest.size)
    found = run("baked.onnx", images=pixels)
    expected = engine.run_pixels(pixels, ["logits"])["logits"]
    np.testing.assert_allclose(found["logits"], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_a_precision_says_what_it_costs(
    precision: str, call: Call, exported: Exported, desk: Path
) -> None:
    words = ["--probe", "rollout", "--precision", precision, "--force", "-o", "small.onnx"]
    outcome = call("bake", exported("plain"), *words)
    assert outcome.code == 0, outcome.err
    assert f"{precision} against fp32, 16 pictures" in outcome.out
    (said,) = (
        json.loads(entry.value)
        for entry in onnx.load("small.onnx").metadata_props
        if entry.key == "vitonnx.baked"
    )
    assert said["precision"] == precision
    assert said["probes"] == {"rollout": {"fusion": "mean", "discard": 0.0}}
    assert 0.9 < said["fidelity"]["rollout"] <= 1
    call("bake", exported("plain"), "--probe", "rollout", "-o", "whole.onnx")
    pixels = noise(tiny.CONFIGS["plain"].image_size)
    exact, reduced = (run(f, images=pixels)["rollout"] for f in ("whole.onnx", "small.onnx"))
    error = np.abs(exact - reduced).max() / np.abs(exact).max()
    # Rounded to 11 bits, or to 8 with a scale for a whole array: not the same, and not far.
    assert 0 < error < {"fp16": 0.01, "int8": 0.1}[precision]
    assert desk.joinpath("small.onnx").stat().st_size < desk.joinpath("whole.onnx").stat().st_size


@pytest.mark.parametrize("size", [(40, 56), (24, 88)])
def test_scales_fixed_by_pictures(
    size: tuple[int, int], call: Call, exported: Exported, pictures: Path
) -> None:
    words = ["--precision", "int8", "--calibrate", pictures, "--pictures", pictures, "--force"]
    sides = ["--size", f"{size[0]}x{size[1]}", "-o", "small.onnx"]
    outcome = call("bake", exported("plain"), "--probe", "rollout", *words, *sides)
    assert outcome.code == 0, outcome.err
    assert "int8 against fp32, 2 pictures" in outcome.out
    model = onnx.load("small.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert {node.domain for node in model.graph.node} == {""}
    assert not {"DynamicQuantizeLinear", "MatMulInteger"} & {n.op_type for n in model.graph.node}
    metadata = {entry.key: json.loads(entry.value) for entry in model.metadata_props[-2:]}
    said = metadata["vitonnx.baked"]
    assert said["precision"] == "int8"
    assert said["fidelity"]["pictures"] == 2
    pixels = noise(size)
    together = run("small.onnx", images=pixels)["rollout"]
    alone = run("small.onnx", images=pixels[1:2])["rollout"]
    # Sums of whole numbers are the same in any batch; the patch embedding's are rounded.
    np.testing.assert_allclose(together[1:2], alone, rtol=1e-3)
    engine = vx.Engine(exported("plain"), device="cpu", size=size)
    exact = [vx.Rollout().condense(engine.run_pixels(pixels, engine.outputs), engine.layout, 0)]
    assert 0 < np.abs(together - exact[0]).max() / np.abs(exact[0]).max() < 0.1


def test_no_pictures_to_calibrate_on(call: Call, exported: Exported, desk: Path) -> None:
    (desk / "empty").mkdir()
    words = ["bake", exported("plain"), "--probe", "heads", "-o", "b.onnx", "--calibrate", "empty"]
    for precision, says in (("int8", "empty holds no pictures"), ("fp16", "fp16 has none")):
        outcome = call(*words, "--precision", precision)
        assert outcome.code == 2
        assert says in outcome.errors[0]
    assert [path.name for path in desk.iterdir()] == ["empty"]


def test_bfloat16_is_baked_where_it_can_be_measured(call: Call, exported: Exported) -> None:
    if vx.engine.find_obstacle("cuda") is None:
        pytest.skip("there is a GPU")
    words = ["bake", exported("plain"), "--probe", "heads", "--precision", "bf16", "-o", "b.onnx"]
    outcome = call(*words)
    assert outcome.code == 1
    assert "can't compute in bf16 on cpu" in outcome.errors[0]


def test_too_dear_a_precision_writes_nothing(
    call: Call, exported: Exported, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vitonnx.engine._fidelity.Fidelity.holds", lambda self: False)
    words = ["--probe", "heads", "--precision", "int8", "-o", "baked.onnx"]
    outcome = call("bake", exported("plain"), *words)
    assert outcome.code == 1
    assert "costs too much" in outcome.errors[0]
    assert "--force" in outcome.errors[0]
    assert list(desk.iterdir()) == []


def test_a_baked_file_is_no_probe_ready_one(call: Call, exported: Exported) -> None:
    call("bake", exported("plain"), "--probe", "heads", "-o", "baked.onnx")
    for words in (["probe", "heads", "baked.onnx", "bird.png"], ["bake", "baked.onnx"]):
        if words[0] == "bake":
            words += ["--probe", "heads", "-o", "again.onnx"]
        outcome = call(*words)
        assert outcome.code in (1, 2)
    assert "baked.onnx is baked" in outcome.errors[0]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--probe", "filters"], "asks for no picture"),
        (["--probe", "head"], "no probe 'head'. Did you mean heads?"),
        (["--probe", "heads", "--probe", "heads"], "--probe names each kind of probe once"),
        (["--probe", "heads", "--query", "3,5"], "query (3, 5)"),
        (["--probe", "heads", "--query", "3,5"], "use 'patch' instead"),
        (["--probe", "heads:mass=0.6"], "mass 0.6"),
        (["--probe", "heads", "--mass", "0.6"], "--mass"),
        (["--probe", "heads", "--fusion", "max"], "--fusion has no meaning for the probe heads"),
        (["--probe", "heads:fusion=max"], "heads has no option fusion"),
        (["--probe", "heads:block"], "'block' sets nothing"),
        (["--probe", "heads:block=last"], "--block 'last' is not a whole number"),
        (["--probe", "heads", "--query", "reg7"], "no query token 'reg7'"),
        (["--probe", "heads", "--block", "9"], "no block 9"),
        (["--probe", "rollout", "--discard", "2"], "discard is 2"),
        (["--probe", "heads", "--size", "25x88"], "25"),
    ],
)
def test_calls_that_are_wrong(
    words: list[str], says: str, call: Call, exported: Exported, desk: Path
) -> None:
    outcome = call("bake", exported("plain"), *words, "-o", "baked.onnx")
    assert outcome.code == 2
    assert says in outcome.errors[0]
    assert list(desk.iterdir()) == []


def test_a_model_without_a_head_has_no_logits(call: Call, exported: Exported) -> None:
    outcome = call("bake", exported("headless"), "--probe", "heads", "--logits", "-o", "b.onnx")
    assert outcome.code == 2
    assert "no logits" in outcome.errors[0]


@pytest.mark.parametrize("probe", ["heads", "rollout", "distance", "entropy"])
def test_explain_prints_the_plan_and_runs_nothing(
    probe: str, call: Call, exported: Exported, desk: Path
) -> None:
    (desk / "bird.png").write_bytes(b"no picture at all")
    outcome = call("probe", probe, exported("plain"), "bird.png", "--explain")
    assert outcome.code == 0
    assert f"in the graph: {probe}" in outcome.out
    assert "leaves the graph" in outcome.out
    assert [path.name for path in desk.iterdir()] == ["bird.png"]


def test_the_model_is_not_written_over(call: Call, exported: Exported) -> None:
    file = exported("plain")
    before = file.read_bytes()
    outcome = call("bake", file, "--probe", "heads", "-o", file)
    assert outcome.code == 2
    assert "would be lost" in outcome.errors[0]
    assert file.read_bytes() == before
