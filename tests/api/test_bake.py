"""``vx.bake``: what the command bakes, from an engine and at its size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

import vitonnx as vx
from vitonnx.errors import PrecisionError, UsageError
from vitonnx.modelfile import load_manifest
from vitonnx.probes import Maps, PictureResult, Probe

Command = Callable[..., None]
Exported = Callable[[str], Path]


@pytest.fixture
def engine(exported: Exported) -> vx.Engine:
    return vx.Engine(exported("plain"), device="cpu", size=(24, 88))


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_command_and_the_function_write_the_same_file(
    precision: str,
    command: Command,
    engine: vx.Engine,
    desk: Path,
    photographs: list[np.ndarray],
) -> None:
    for number, pixels in enumerate(photographs):
        Image.fromarray(pixels).save(f"{number}.png")
    names = [f"{number}.png" for number in range(3)]
    words = ["--probe", "rollout", "--probe", "heads", "--logits", "--size", "24x88", "--force"]
    words += ["--precision", precision, *(w for name in names for w in ("--pictures", name))]
    calibrate = None
    if precision == "int8":
        words += [word for name in names for word in ("--calibrate", name)]
        calibrate = photographs
    command("bake", engine.file, *words, "-o", "command.onnx")
    baked = vx.bake(
        engine,
        [vx.Rollout(), vx.Heads()],
        "function.onnx",
        precision=precision,
        calibrate=calibrate,
        pictures=names,
        logits=True,
        force=True,
    )
    assert (desk / "function.onnx").read_bytes() == (desk / "command.onnx").read_bytes()
    assert baked.file == Path("function.onnx")
    assert baked.inputs == {"images": ("uint8", (None, 24, 88, 3))}
    assert baked.outputs == {
        "logits": ("float32", (None, 11)),
        "rollout": ("float32", (None, 3, 11)),
        "heads": ("float32", (None, 3, 3, 11)),
    }
    if precision == "fp32":
        assert baked.fidelity is None
    else:
        assert baked.fidelity is not None
        assert baked.fidelity.pictures == 3


def test_engine_bake_is_the_same_function() -> None:
    assert vx.bake is vx.engine.bake


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_file_asks_for_pictures_as_the_engine_takes_them(
    precision: str, exported: Exported, desk: Path, photographs: list[np.ndarray]
) -> None:
    engine = vx.Engine(exported("plain"), device="cpu", fit="squash")
    calibrate = photographs if precision == "int8" else None
    vx.bake(engine, vx.Rollout(), "b.onnx", precision=precision, calibrate=calibrate, force=True)
    session = onnxruntime.InferenceSession("b.onnx", providers=["CPUExecutionProvider"])
    stored = vx.Manifest.from_metadata(session.get_modelmeta().custom_metadata_map)
    assert stored.preprocessing == engine.manifest.preprocessing
    assert stored.preprocessing != load_manifest(exported("plain")).preprocessing
    [result] = engine.probe(photographs[0], vx.Rollout())
    assert result.pixels is not None
    [found] = session.run(["rollout"], {"images": result.pixels[None]})
    tolerance = 1e-5 if precision == "fp32" else 0.1
    assert np.abs(found[0] - result.rollout).max() < tolerance * result.rollout.max()


def test_scales_are_fixed_by_pictures_as_the_engine_takes_them(
    exported: Exported, desk: Path
) -> None:
    """A stripe whose ends are cut off by the recipe, and seen where it is squashed."""
    stripe = np.full((56, 400, 3), 124, np.uint8)
    stripe[:, 300:] = np.random.default_rng(0).integers(0, 256, (56, 100, 3), np.uint8)
    files = []
    for fit in ("cut", "squash"):
        engine = vx.Engine(exported("plain"), device="cpu", fit=fit)
        file = desk / f"{fit}.onnx"
        vx.bake(engine, vx.Rollout(), file, precision="int8", calibrate=stripe, force=True)
        files.append(file.read_bytes())
    scales = [
        {
            each.name: onnx.numpy_helper.to_array(each).tolist()
            for each in onnx.load_from_string(file).graph.initializer
            if each.name.endswith("_scale") and "kernel" not in each.name
        }
        for file in files
    ]
    assert scales[0].keys() == scales[1].keys()
    assert scales[0] != scales[1]


def test_a_precision_that_costs_too_much(
    engine: vx.Engine,
    desk: Path,
    photographs: list[np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vitonnx.engine.Fidelity.holds", lambda self: False)
    said: list[str] = []

    def bake(**options: Any) -> None:
        vx.bake(
            engine,
            vx.Rollout(),
            "b.onnx",
            precision="int8",
            pictures=photographs[0],
            notice=said.append,
            **options,
        )

    with pytest.raises(PrecisionError, match=r"int8 costs too much.*force=True"):
        bake()
    assert list(desk.iterdir()) == []
    assert said == []
    bake(force=True)
    assert (desk / "b.onnx").is_file()
    [sentence] = said
    assert "int8 changes the maps" in sentence


class _Host(Probe[PictureResult]):
    """A probe that NumPy alone computes."""

    name = "host"
    gives = Maps

    def reads(self, layout: object) -> tuple[str, ...]:
        return ("block_00/attention",)

    def compute(self, outputs: object, layout: object, queries: object) -> list[PictureResult]:
        return []


@pytest.mark.parametrize(
    ("probes", "says"),
    [
        ([], "nothing to bake"),
        (vx.Rollout, r"Rollout is a class.*Rollout\(\)"),
        ([vx.Heads(), vx.Rollout], r"Rollout is a class.*Rollout\(\)"),
        (vx.Filters(), "probe_weights"),
        ("rollout", "'rollout' is not a probe"),
        (_Host(), "host can't be baked.*GraphProbe"),
        ([vx.Heads(), vx.Heads(block=0)], "heads"),
        (vx.Heads(block=9), "no block 9"),
        (vx.Heads(query=(3, 5)), r"query \(3, 5\).*use 'patch' instead"),
        (vx.Heads(mass=0.6), "mass 0.6.*leave it out"),
    ],
)
def test_probes_that_cant_be_baked(probes: Any, says: str, engine: vx.Engine, desk: Path) -> None:
    with pytest.raises(UsageError, match=says):
        vx.bake(engine, probes, "b.onnx")
    assert list(desk.iterdir()) == []


def test_calls_that_are_wrong(engine: vx.Engine, desk: Path) -> None:
    wrong: Any = engine.file
    with pytest.raises(UsageError, match=r"takes an engine"):
        vx.bake(wrong, vx.Rollout(), "b.onnx")
    closed = vx.Engine(engine.file, device="cpu")
    closed.close()
    with pytest.raises(UsageError, match="closed"):
        vx.bake(closed, vx.Rollout(), "b.onnx")
    with pytest.raises(UsageError, match="'fp8' is unknown"):
        vx.bake(engine, vx.Rollout(), "b.onnx", precision="fp8")
    with pytest.raises(UsageError, match="fp32 has none"):
        vx.bake(engine, vx.Rollout(), "b.onnx", calibrate="bird.png")
    with pytest.raises(UsageError, match="would be lost"):
        vx.bake(engine, vx.Rollout(), engine.file)
    with pytest.raises(UsageError, match="would be lost"):
        vx.bake(engine, vx.Rollout(), "a.png", precision="int8", pictures=[Path("a.png")])
    assert list(desk.iterdir()) == []
