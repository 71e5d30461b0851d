"""An engine on hardware that the runtime lists, as plug-ins without a name here are used.

The CPU's own is always listed: what is computed there is right to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

import vitonnx as vx
from vitonnx.demo import demo_models
from vitonnx.engine import reduce_file
from vitonnx.engine.devices import Device, choose_device
from vitonnx.engine.devices._accelerators import ACCELERATORS, CPU
from vitonnx.engine.devices._choose import _given
from vitonnx.errors import DeviceError, UsageError

MODEL = demo_models()["scenes_vit"]
PROBES = (vx.Heads(), vx.Rollout(), vx.Distance())

Kept = Callable[[], list[Path]]


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    """What is kept of proofs, in a folder of the test's own."""
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache" / name)
    return lambda: sorted((tmp_path / "cache").rglob("*.proof"))


@pytest.fixture
def hardware() -> list[Any]:
    return [each for each in onnxruntime.get_ep_devices() if each.ep_name == CPU]


def pictures(count: int) -> list[np.ndarray]:
    noise = np.random.default_rng(count)
    return [noise.integers(0, 256, (47, 61, 3), np.uint8) for _ in range(count)]


def assert_same(one: Any, other: Any) -> None:
    for name in ("heads", "rollout", "distance"):
        for key, value in vars(one[name]).items():
            if isinstance(value, np.ndarray):
                np.testing.assert_array_equal(vars(other[name])[key], value)


@pytest.mark.parametrize(("size", "in_graph"), [(None, False), ((40, 56), True)])
def test_it_computes_what_the_cpu_does(
    size: tuple[int, int] | None, in_graph: bool, hardware: list[Any], kept: Kept
) -> None:
    common: dict[str, Any] = {"size": size, "in_graph": in_graph, "threads": 1}
    with (
        vx.Engine(MODEL, device=hardware, **common) as here,
        vx.Engine(MODEL, device="cpu", **common) as there,
    ):
        assert not kept()
        for one, other in zip(
            here.stream(pictures(5), PROBES), there.stream(pictures(5), PROBES), strict=True
        ):
            assert one.error is None
            assert_same(one, other)
        assert len(kept()) == 2  # of the network, and of this plan
        outputs = here.run(pictures(2))
        for name, values in there.run(pictures(2)).items():
            np.testing.assert_array_equal(outputs[name], values)
    assert len(kept()) == 3  # of all outputs, too


def test_it_is_proved_with_as_many_pictures_as_it_is_shown(hardware: list[Any]) -> None:
    """Where all attention is brought here, fewer fit into memory."""
    common: dict[str, Any] = {"device": hardware, "size": (272, 288)}
    one, other = vx.Engine(MODEL, **common), vx.Engine(MODEL, in_graph=False, **common)
    raw, small = one._plan((), ("block_00/attention",)), one._plan((vx.Heads(),), ("logits",))
    assert [one._at_once(plan) for plan in (small, raw, None)] == [5, 4, 4]
    assert [other._at_once(plan) for plan in (raw, None)] == [4, 4]


def test_it_is_named_by_its_provider(hardware: list[Any]) -> None:
    engine = vx.Engine(MODEL, device=hardware)
    assert (engine.device, engine.device_note, engine.precision) == (CPU, None, "fp32")
    assert f"on {CPU} in fp32" in repr(engine)
    assert f"runs on: {CPU}, in fp32" in engine.explain(vx.Rollout())
    device = choose_device(hardware)
    assert (device.provider, device.memory, device.is_cpu) == (CPU, "cpu", False)
    # The processor's name and the runtime's version: a proof is good for these alone.
    assert device.title == Device("cpu").title != ""
    assert onnxruntime.__version__ in device.maker


def test_a_provider_that_has_a_name_gets_it(
    hardware: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its name it is told how exactly to compute."""
    for kinds, name in ((("cpu", "gpu"), "openvino"), (("gpu", "cpu"), "openvino:cpu"), ((), "x")):
        known = replace(ACCELERATORS["openvino"], name="x", provider=CPU, kinds=kinds)
        known = replace(known, name=name.partition(":")[0])
        monkeypatch.setitem(ACCELERATORS, "openvino", known)
        found = _given(hardware)
        assert (found.name, found.hardware) == (name, tuple(hardware))
    monkeypatch.undo()
    assert _given(hardware).name == CPU


def test_what_is_given_may_be_any_collection(hardware: list[Any]) -> None:
    expected = choose_device(hardware)
    assert expected.hardware == tuple(hardware)
    for given in (tuple(hardware), iter(hardware), {hardware[0]: "the fastest"}):
        assert choose_device(given) == expected  # type: ignore[arg-type]


class Alike:
    ep_name = CPU

    def __repr__(self) -> str:
        return "alike"


@pytest.mark.parametrize(
    "wrong",
    [5, None, b"cpu", [], {}, [1], [None], ["cpu"], [Alike()], Alike(), "its own"],
    ids=repr,
)
def test_what_is_no_hardware_is_refused_in_a_sentence(wrong: Any, hardware: list[Any]) -> None:
    given = hardware[0] if wrong == "its own" else wrong
    several = [[*hardware, *given]] if isinstance(given, list) and given else []
    for each in (given, *several):
        with pytest.raises(UsageError, match=r"neither a name nor .* onnxruntime\.get_ep_devices"):
            vx.Engine(MODEL, device=each)


def test_of_two_providers_there_is_no_one_device() -> None:
    for name in ("openvino", "webgpu"):  # registers what is installed
        vx.engine.find_obstacle(name)
    listed = onnxruntime.get_ep_devices()
    if len({each.ep_name for each in listed}) == 1:
        pytest.skip("the CPU's is the only provider that finds hardware here")
    with pytest.raises(UsageError, match="all of one ep_name"):
        vx.Engine(MODEL, device=listed)


def test_engines_that_are_made_of_it_are_on_the_same_hardware(hardware: list[Any]) -> None:
    given = list(hardware)
    engine = vx.Engine(MODEL, device=given, threads=1)
    given.clear()  # which is the caller's
    options = engine.options
    assert options["device"] == tuple(hardware)
    for other in (
        vx.Engine(MODEL, **options),
        engine.sibling(),
        engine.resized((40, 56)),
        engine.sibling(precision="fp16"),
        engine.resized((40, 56)).sibling(demo_models()["scenes_dino"]),
    ):
        assert (other.device, other.options["device"]) == (CPU, tuple(hardware))
        (result,) = other.probe(pictures(1), vx.Rollout())
        assert result.rollout.shape == other.manifest.grid
    options["device"] = "cpu"  # which is the caller's, too
    assert engine.options["device"] == tuple(hardware)


def test_one_engine_serves_several_threads(hardware: list[Any], kept: Kept) -> None:
    engine = vx.Engine(MODEL, device=hardware, threads=1, in_graph=True)
    shown = pictures(3)
    (expected,) = vx.Engine(MODEL, device="cpu", threads=1, in_graph=True).probe(shown[:1], PROBES)

    def ask(_: int) -> Any:
        return engine.probe(shown[:1], PROBES)[0]

    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(ask, range(16)):
            assert_same(expected, found)
    assert len(kept()) == 2  # of the network, and of the plan


def test_its_precision_is_what_was_asked_or_refused(hardware: list[Any], tmp_path: Path) -> None:
    (expected,) = vx.Engine(MODEL, device="cpu").probe(pictures(1), vx.Rollout())
    half = vx.Engine(MODEL, device=hardware, precision="fp16")
    (found,) = half.probe(pictures(1), vx.Rollout())
    error = np.abs(found.rollout - expected.rollout).max() / expected.rollout.max()
    assert 1e-6 < error < 3e-2  # numbers of 11 bits
    for precision in ("bf16", "tf32"):
        with pytest.raises(DeviceError, match=f"can't compute in {precision} on {CPU}: it takes"):
            vx.Engine(MODEL, device=hardware, precision=precision)
    with pytest.raises(DeviceError, match=r"in int8 on .* --calibrate"):
        vx.Engine(MODEL, device=hardware, precision="int8")
    reduce_file(MODEL, tmp_path / "fp16.onnx", "fp16")
    reduce_file(MODEL, tmp_path / "int8.onnx", "int8", calibration=pictures(3))
    for precision in ("fp16", "int8"):
        engine = vx.Engine(tmp_path / f"{precision}.onnx", device=hardware)
        assert (engine.precision, engine.batch_size) == (precision, 8)
        there = vx.Engine(tmp_path / f"{precision}.onnx", device="cpu")
        for one, other in zip(
            engine.stream(pictures(2), PROBES), there.stream(pictures(2), PROBES), strict=True
        ):
            assert_same(one, other)


def test_a_device_that_failed_its_proof_is_refused(hardware: list[Any], kept: Kept) -> None:
    vx.Engine(MODEL, device=hardware).probe(pictures(1), vx.Rollout())
    (proof,) = [each for each in kept() if "logits" not in each.read_text(encoding="utf-8")]
    proof.write_text('{"errors": {"embedding": [0, 0, 1.2e-3]}}', encoding="utf-8")
    sentence = rf"{CPU} computes .*scenes_vit\.onnx in fp32 with an error of 1\.2e-03 of the larg"
    with pytest.raises(DeviceError, match=sentence):
        vx.Engine(MODEL, device=hardware).probe(pictures(1), vx.Heads())


def test_the_cpu_itself_is_never_proved(kept: Kept) -> None:
    for precision in ("fp32", "fp16", "int8"):
        vx.Engine(MODEL, device="cpu", precision=precision).probe(pictures(1), vx.Heads())
    assert not kept()
