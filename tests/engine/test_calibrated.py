"""Static int8: scales fixed by pictures, so that a picture's result is its own in any batch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import vitonnx as vx
from vitonnx.engine import bake, reduce_file
from vitonnx.errors import PictureError, UsageError
from vitonnx.modelfile import load_manifest, load_outline

Exported = Callable[[str], Path]

KINDS = ["distilled", "registers", "pooled"]
PROBES: list[vx.probes.Probe[Any]] = [vx.Heads(), vx.Rollout(), vx.Distance()]
ARRAYS = (("heads", "attention"), ("rollout", "rollout"), ("distance", "distance"))
# As in test_reduce.py: rounded to 8 bits, with one scale for a whole array.
FAR = 0.1


def pictures(count: int, seed: int = 0) -> list[np.ndarray]:
    noise = np.random.default_rng(seed)
    return [noise.integers(0, 256, (47, 61, 3), np.uint8) for _ in range(count)]


def far(found: np.ndarray, exact: np.ndarray) -> float:
    return float(np.abs(found - exact).max() / np.abs(exact).max())


@pytest.fixture(scope="module", params=KINDS)
def files(
    request: pytest.FixtureRequest, exported: Exported, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, Path]:
    """A file in single precision, the same in calibrated int8, and in int8 scaled as it comes."""
    exact, folder = exported(request.param), tmp_path_factory.mktemp("calibrated")
    reduce_file(exact, folder / "static.onnx", "int8", calibration=pictures(5, seed=1))
    reduce_file(exact, folder / "dynamic.onnx", "int8")
    return exact, folder / "static.onnx", folder / "dynamic.onnx"


def quantised(file: Path) -> set[str]:
    return {each.name for each in onnx.load(file).graph.initializer if "quantized" in each.name}


def test_the_same_products_in_standard_operators(files: tuple[Path, Path, Path]) -> None:
    exact, static, dynamic = files
    onnx.checker.check_model(str(static), full_check=True)
    model = onnx.load(static)
    assert {node.domain for node in model.graph.node} == {""}
    assert quantised(static) == quantised(dynamic) != set()
    assert not any(name.startswith(("head", "embed", "patch")) for name in quantised(static))
    assert load_outline(static).operators - load_outline(exact).operators == {
        "QuantizeLinear",
        "DequantizeLinear",
    }
    # One scale for every output channel.
    scales = {each.name: each.dims for each in model.graph.initializer}
    assert list(scales["block_01/mlp/fc1/kernel_scale"]) == [34]
    assert load_manifest(static).precision == "int8"
    assert static.stat().st_size < exact.stat().st_size


def test_all_outputs_are_there_and_close(files: tuple[Path, Path, Path]) -> None:
    sessions = [
        onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        for file in files[:2]
    ]
    promised, given = ([(o.name, o.type, o.shape) for o in s.get_outputs()] for s in sessions)
    assert given == promised
    side = load_manifest(files[0]).size
    pixels = np.random.default_rng(3).integers(0, 256, (3, *side, 3), np.uint8)
    expected, found = (session.run(None, {"images": pixels}) for session in sessions)
    assert 0 < max(far(a, b) for a, b in zip(found, expected, strict=True)) < FAR


def test_a_picture_does_not_depend_on_its_batch_mates(files: tuple[Path, Path, Path]) -> None:
    """Whole numbers sum to the same in every order; what is left is the patches' own rounding."""
    _, static, dynamic = files
    batches = []
    for file in (static, dynamic):
        engine = vx.Engine(file, device="cpu")
        batches.append(engine.batch_size)
        name = "block_01/attention"
        side = engine.manifest.size
        pixels = np.random.default_rng(5).integers(0, 256, (3, *side, 3), np.uint8)
        pixels[1:] //= 9  # much darker: other scales
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        (together,) = session.run([name], {"images": pixels})
        (alone,) = session.run([name], {"images": pixels[1:2]})
        error = np.abs(together[1] - alone[0]).max()
        # A rounding of the patch embedding may turn a whole number over, somewhere, by one.
        assert error < 1e-4 if file == static else error > 1e-4
    assert batches == [8, 1]


def test_every_probe_works_on_it(files: tuple[Path, Path, Path]) -> None:
    """At another size, but for one model."""
    size = None if files[0].stem == "distilled" else (24, 88)
    exact, reduced, raw = (
        list(vx.Engine(file, device="cpu", size=size, in_graph=way).stream(pictures(11), PROBES))
        for file, way in ((files[0], True), (files[1], True), (files[1], False))
    )
    for name, array in ARRAYS:
        one, other, host = (
            np.stack([getattr(result[name], array) for result in results])
            for results in (exact, reduced, raw)
        )
        assert far(other, one) < 2 * FAR  # attention of attention of attention
        assert far(host, other) < 1e-4  # as above


def test_the_pictures_fix_the_scales(exported: Exported, tmp_path: Path) -> None:
    scales = []
    for number, shade in enumerate((1, 3)):
        file = tmp_path / f"{number}.onnx"
        reduce_file(exported("plain"), file, "int8", calibration=[p // shade for p in pictures(3)])
        scales.append(
            {
                each.name: onnx.numpy_helper.to_array(each)
                for each in onnx.load(file).graph.initializer
                if each.name.endswith("_scale")
            }
        )
    bright, dark = scales
    assert bright.keys() == dark.keys()
    for name in bright:
        same = np.array_equal(bright[name], dark[name])
        assert same == ("kernel" in name), name  # weights do not depend on pictures


def test_it_is_calibrated_at_the_size_that_it_is_for(exported: Exported, tmp_path: Path) -> None:
    file, baked = tmp_path / "wide.onnx", tmp_path / "baked.onnx"
    reduce_file(exported("plain"), file, "int8", size=(24, 88), calibration=pictures(3))
    assert load_manifest(file).grid == (3, 11)
    bake(vx.Engine(file), vx.Rollout(), baked)
    (result,) = vx.Engine(file, device="cpu", in_graph=False).probe(pictures(1)[0], vx.Rollout())
    assert result.pixels is not None
    session = onnxruntime.InferenceSession(str(baked), providers=["CPUExecutionProvider"])
    (found,) = session.run(["rollout"], {"images": result.pixels[None]})
    assert far(found[0], result.rollout) < 1e-4


def test_calls_that_are_wrong(exported: Exported, tmp_path: Path) -> None:
    target = tmp_path / "never.onnx"
    with pytest.raises(UsageError, match="no picture given"):
        reduce_file(exported("plain"), target, "int8", calibration=[])
    with pytest.raises(UsageError, match="fp16 has none"):
        reduce_file(exported("plain"), target, "fp16", calibration=pictures(1))
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    with pytest.raises(PictureError, match=r"bad\.png"):
        reduce_file(exported("plain"), target, "int8", calibration=[*pictures(1), bad])
    assert not target.exists()
