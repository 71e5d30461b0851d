"""A probe-ready file in fewer bits keeps every promise, and every probe works on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import vitonnx as vx
from vitonnx.engine import bake, reduce_file
from vitonnx.errors import UsageError
from vitonnx.modelfile import load_manifest
from vitonnx.probes import WeightProbe

Exported = Callable[[str], Path]

# Of an output's largest magnitude: rounded to 11 bits, or to 8 with one scale for a whole array.
FAR = {"fp16": 0.01, "int8": 0.1}
IMAGES = [
    np.random.default_rng(seed).integers(0, 256, (47, 61, 3), dtype=np.uint8) for seed in range(5)
]


@pytest.fixture(scope="module", params=FAR)
def precision(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=["distilled", "registers", "pooled"])
def files(
    request: pytest.FixtureRequest,
    precision: str,
    exported: Exported,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, Path]:
    """A file in single precision, and the same in a lower one."""
    exact = exported(request.param)
    reduced = tmp_path_factory.mktemp("reduced") / f"{request.param}.onnx"
    reduce_file(exact, reduced, precision)
    return exact, reduced


def far(found: np.ndarray, exact: np.ndarray) -> float:
    return float(np.abs(found - exact).max() / np.abs(exact).max())


def test_all_outputs_are_there_and_close(files: tuple[Path, Path], precision: str) -> None:
    exact, reduced = files
    onnx.checker.check_model(str(reduced), full_check=True)
    sessions = [
        onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        for file in files
    ]
    promised, given = ([(o.name, o.type, o.shape) for o in s.get_outputs()] for s in sessions)
    assert given == promised
    side = load_manifest(exact).size
    pixels = np.random.default_rng(3).integers(0, 256, (1, *side, 3), np.uint8)
    expected, found = (session.run(None, {"images": pixels}) for session in sessions)
    errors = [far(a, b) for a, b in zip(found, expected, strict=True)]
    assert 0 < max(errors) < FAR[precision]
    assert reduced.stat().st_size < exact.stat().st_size


def test_the_manifest_says_so(files: tuple[Path, Path], precision: str) -> None:
    exact, reduced = files
    assert load_manifest(exact).precision == "fp32"
    assert load_manifest(reduced).precision == precision
    engine = vx.Engine(reduced, device="cpu")
    assert engine.precision == precision
    # What is scaled by all pictures of a batch is looked at alone.
    assert (engine.batch_size == 1) == (precision == "int8")


def test_every_probe_works_on_it(files: tuple[Path, Path], precision: str) -> None:
    """In the graph and on the host, at the file's size and at others; to the same numbers."""
    size = None if files[0].stem == "distilled" else (24, 88)
    probes: list[vx.probes.Probe[Any]] = [vx.Heads(), vx.Rollout(), vx.Distance()]
    exact, reduced, raw = (
        list(vx.Engine(file, device="cpu", size=size, in_graph=way).stream(IMAGES, probes))
        for file, way in ((files[0], True), (files[1], True), (files[1], False))
    )
    for name, array in (("heads", "attention"), ("rollout", "rollout"), ("distance", "distance")):
        one, other, host = (
            np.stack([getattr(result[name], array) for result in results])
            for results in (exact, reduced, raw)
        )
        assert far(other, one) < 2 * FAR[precision]  # attention of attention of attention
        assert far(host, other) < {"fp16": 2e-3, "int8": 1e-5}[precision]


def test_weights_are_read_as_before(files: tuple[Path, Path]) -> None:
    probes: list[WeightProbe[Any]] = [vx.Filters(), vx.Positions()]
    for probe in probes:
        exact, reduced = (vx.probe_weights(file, probe) for file in files)
        for name, array in vars(exact).items():
            np.testing.assert_array_equal(getattr(reduced, name), array)


def test_bits_are_not_taken_twice(files: tuple[Path, Path], precision: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"is in {precision}"):
        reduce_file(files[1], tmp_path / "again.onnx", "fp16")
    with pytest.raises(UsageError, match="fewer bits"):
        reduce_file(files[0], tmp_path / "again.onnx", "fp32")
    with pytest.raises(UsageError, match=f"in fp32: it is in {precision}"):
        vx.Engine(files[1], device="cpu", precision="fp32")
    assert not list(tmp_path.iterdir())


def test_baking_keeps_what_the_file_is_in(
    files: tuple[Path, Path], precision: str, tmp_path: Path
) -> None:
    """Nothing is reduced twice, and the baked file says what it is in."""
    baked = tmp_path / "baked.onnx"
    bake(vx.Engine(files[1]), vx.Rollout(), baked)
    metadata = {entry.key: entry.value for entry in onnx.load(baked).metadata_props}
    assert json.loads(metadata["vitonnx.baked"])["precision"] == precision
    engine = vx.Engine(files[1], device="cpu", in_graph=False)
    side = engine.manifest.size
    pixels = np.random.default_rng(3).integers(0, 256, (1, *side, 3), np.uint8)
    probe = vx.Rollout()
    raw = engine.run_pixels(pixels, probe.reads(engine.layout))
    token = probe.token(engine.layout, (0, 0, 1, 1))
    session = onnxruntime.InferenceSession(str(baked), providers=["CPUExecutionProvider"])
    (found,) = session.run(["rollout"], {"images": pixels})
    expected = np.asarray(probe.condense(raw, engine.layout, token))
    assert far(found, expected) < {"fp16": 2e-3, "int8": 1e-5}[precision]
    other = {"fp16": "int8", "int8": "fp16"}[precision]
    with pytest.raises(UsageError, match=f"in {other}: it is in {precision}"):
        bake(vx.Engine(files[1]), vx.Rollout(), tmp_path / "other.onnx", precision=other)
    assert [file.name for file in tmp_path.iterdir()] == ["baked.onnx"]


def test_an_explanation_names_what_the_file_is_in(files: tuple[Path, Path], precision: str) -> None:
    said = vx.Engine(files[1], device="cpu").explain([vx.Heads()]).splitlines()
    size = 1 if precision == "int8" else 8
    assert said[-1] == f"runs on: cpu, in {precision}, in batches of {size}"
