"""The proof that a device computes as exactly as was asked, given real sessions that don't.

What stands for a device is the CPU, with a file whose weights are off: by rounding as a provider
rounds them, by more, or by being no numbers.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from vitonnx.demo import demo_models
from vitonnx.engine import Plan, _proof, reduce_file
from vitonnx.engine._proof import EXACT, ROUGH, prove, witnesses
from vitonnx.engine._session import Session, open_session
from vitonnx.engine.devices import Device
from vitonnx.errors import DeviceError
from vitonnx.modelfile import load_manifest, load_outline

MODEL = demo_models()["scenes_vit"]
SIZE = load_manifest(MODEL).size
PLAN = Plan((), witnesses(tuple(load_outline(MODEL).outputs)))
DEVICE = Device("openvino")

Weights = NDArray[Any]


def off(share: float) -> Callable[[Weights], Weights]:
    """Move each weight by about this share of it."""
    noise = np.random.default_rng(1)
    return lambda weights: weights * (1 + share * noise.standard_normal(weights.shape))


# What the largest error comes to is measured in `test_the_error_is_measured`.
WAYS: dict[str, Callable[[Weights], Weights]] = {
    "the same": lambda weights: weights,
    "another order": off(1e-7),
    "1e-3": off(1e-3),
    "bf16": lambda weights: weights.astype(ml_dtypes.bfloat16).astype(np.float32),
    "a third": off(0.3),
    "no numbers": lambda weights: weights * np.nan,
    "endless": lambda weights: weights * np.inf,
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The model, as devices of each kind would compute it."""
    folder, made = tmp_path_factory.mktemp("files"), {}
    for way, change in WAYS.items():
        model = onnx.load(MODEL)
        for tensor in model.graph.initializer:
            weights = onnx.numpy_helper.to_array(tensor)
            if weights.dtype == np.float32 and weights.ndim == 2:
                changed = np.asarray(change(weights), np.float32)
                tensor.CopyFrom(onnx.numpy_helper.from_array(changed, tensor.name))
        made[way] = folder / f"{way}.onnx"
        onnx.save(model, made[way])
    return made


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where proofs are kept, of the test's own."""
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache" / name)
    return tmp_path / "cache" / "vitonnx" / "plans"


@dataclass
class Start:
    """Open a file on the CPU, and another where a device is asked for; count both."""

    there: Path  # what the device runs
    here: Path = MODEL
    opened: list[tuple[str, str, Session]] = field(default_factory=list)

    def __call__(self, plan: Plan, device: Device) -> Session:
        file = self.here if device.is_cpu else self.there
        session = open_session(file, device=Device("cpu"), threads=1)
        self.opened.append((device.name, plan.precision, session))
        return session


def refusal(start: Start, precision: str, given: str = "fp32", device: Device = DEVICE) -> str:
    """What a proof says against a device; "" if nothing."""
    plan = replace(PLAN, precision="fp16") if precision == "fp16" else PLAN
    try:
        prove(start.here, plan, device, precision, given, SIZE, start)
    except DeviceError as error:
        return str(error)
    return ""


def kept_error(cache: Path) -> float:
    (proof,) = cache.glob("*.proof")
    return float(json.loads(proof.read_text(encoding="utf-8"))["error"])


TOO_FAR, SINGLE = "with an error of", "computes in fp32 here"
FINE = ""


@pytest.mark.parametrize(
    ("way", "fp32", "tf32", "sixteen"),
    [
        ("the same", FINE, FINE, SINGLE),
        ("another order", FINE, FINE, SINGLE),
        ("1e-3", TOO_FAR, FINE, FINE),
        ("bf16", TOO_FAR, FINE, FINE),
        ("a third", TOO_FAR, TOO_FAR, TOO_FAR),
        ("no numbers", TOO_FAR, TOO_FAR, TOO_FAR),
        ("endless", TOO_FAR, TOO_FAR, TOO_FAR),
    ],
)
def test_each_precision_has_its_errors(
    way: str, fp32: str, tf32: str, sixteen: str, files: dict[str, Path]
) -> None:
    said = {"fp32": fp32, "tf32": tf32, "fp16": sixteen, "bf16": sixteen}
    for precision, part in said.items():
        for _ in range(2):  # measured, and as it was kept
            found = refusal(Start(files[way]), precision)
            assert part in found
            assert bool(part) == bool(found)


def test_the_error_is_measured(files: dict[str, Path], cache: Path) -> None:
    largest = {"the same": 0.0, "another order": 1e-5, "1e-3": 1e-2, "bf16": 1e-2, "a third": 2.0}
    least = {"the same": 0.0, "another order": 1e-8, "1e-3": 3e-4, "bf16": 5e-4, "a third": 0.1}
    for way, most in largest.items():
        refusal(Start(files[way]), "fp32")
        assert least[way] <= kept_error(cache) <= most
        for proof in cache.glob("*.proof"):
            proof.unlink()
    refusal(Start(files["no numbers"]), "fp32")
    assert kept_error(cache) == math.inf


def test_the_sentence_says_what_where_and_what_to_do(files: dict[str, Path], cache: Path) -> None:
    said = refusal(Start(files["bf16"]), "fp32")
    assert said == (
        f"openvino computes {MODEL} in fp32 with an error of {kept_error(cache):.1e} of the "
        "largest value, and at most 2e-04 is accepted: use another precision, or --device cpu."
    )
    assert "at most 3e-02 is accepted" in refusal(Start(files["a third"]), "bf16")
    assert refusal(Start(files["the same"]), "bf16", device=Device("webgpu")) == (
        "webgpu computes in fp32 here, though bf16 was asked: this hardware has no arithmetic for "
        "it. Use fp32."
    )


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_files_in_fewer_bits_are_compared_with_themselves(
    precision: str, files: dict[str, Path], tmp_path: Path
) -> None:
    noise = np.random.default_rng(0)
    shown = [noise.integers(0, 256, (*SIZE, 3), np.uint8) for _ in range(3)]
    file = tmp_path / "fewer.onnx"
    reduce_file(MODEL, file, precision, calibration=shown if precision == "int8" else None)
    assert refusal(Start(file, here=file), precision, given=precision) == FINE
    worse = Start(files["a third"], here=file)
    assert TOO_FAR in refusal(worse, precision, given=precision, device=Device("webgpu"))


@pytest.mark.parametrize(
    ("precision", "given", "error", "part"),
    [
        ("fp32", "fp32", 1.99e-4, FINE),
        ("fp32", "fp32", 2.01e-4, TOO_FAR),
        ("tf32", "fp32", 2.99e-2, FINE),
        ("tf32", "fp32", 3.01e-2, TOO_FAR),
        ("tf32", "fp32", 0.0, FINE),
        ("bf16", "fp32", 2.99e-2, FINE),
        ("bf16", "fp32", 3.01e-2, TOO_FAR),
        ("bf16", "fp32", 2.01e-5, FINE),
        ("bf16", "fp32", 1.99e-5, SINGLE),
        ("bf16", "bf16", 0.0, FINE),
        ("fp16", "fp32", 1.99e-5, SINGLE),
        ("fp16", "fp16", 0.0, FINE),
        ("int8", "int8", 0.0, FINE),
        ("fp32", "fp32", math.inf, TOO_FAR),
    ],
)
def test_the_limits(precision: str, given: str, error: float, part: str, cache: Path) -> None:
    refusal(Start(MODEL), precision, given)
    (proof,) = cache.glob("*.proof")
    proof.write_text(json.dumps({"error": error}), encoding="utf-8")
    start = Start(MODEL)
    found = refusal(start, precision, given)
    assert part in found
    assert bool(part) == bool(found)
    assert start.opened == []  # it was kept


def test_limits_are_those_that_are_promised() -> None:
    assert (EXACT, ROUGH) == (2e-4, 3e-2)


def test_it_is_measured_once_and_sessions_are_closed(files: dict[str, Path]) -> None:
    start = Start(files["1e-3"])
    for _ in range(3):
        assert TOO_FAR in refusal(start, "fp32")
    assert [name for name, _, _ in start.opened] == ["openvino", "cpu"]
    assert all(session.session is None for _, _, session in start.opened)
    # The CPU computes the file as it is given.
    half = Start(files["bf16"])
    assert refusal(half, "fp16") == FINE
    assert [said[:2] for said in half.opened] == [("openvino", "fp16"), ("cpu", "fp32")]


def test_a_session_is_closed_that_fails() -> None:
    session = open_session(MODEL, device=Device("cpu"), threads=1)

    def fail(*_: object) -> None:
        raise DeviceError("no such thing.")

    session.run = fail  # type: ignore[method-assign,assignment]
    with pytest.raises(DeviceError, match="no such thing"):
        prove(MODEL, PLAN, DEVICE, "fp32", "fp32", SIZE, lambda plan, device: session)
    assert session.session is None


@pytest.mark.parametrize(
    "rubbish",
    [
        *(b"", b"\xff\xfe", b"{}", b"[]", b"null", b'{"error": null}', b'{"error": NaN}'),
        *(b'{"error": -1}', b'{"error": "x"}', b'{"error": [0]}', b'{"error": 1e-6'),
    ],
)
def test_a_damaged_proof_is_measured_anew(rubbish: bytes, cache: Path) -> None:
    refusal(Start(MODEL), "fp32")
    (proof,) = cache.glob("*.proof")
    proof.write_bytes(rubbish)
    start = Start(MODEL)
    assert refusal(start, "fp32") == FINE
    assert len(start.opened) == 2
    assert kept_error(cache) == 0


def test_a_proof_that_cannot_be_read_or_written_is_measured_every_time(cache: Path) -> None:
    refusal(Start(MODEL), "fp32")
    (proof,) = cache.glob("*.proof")
    proof.unlink()
    (proof / "in the way").mkdir(parents=True)
    start = Start(MODEL)
    assert [refusal(start, "fp32") for _ in range(2)] == [FINE, FINE]
    assert len(start.opened) == 4
    assert [each.name for each in cache.iterdir()] == [proof.name]  # nothing half-written


def test_a_folder_that_cannot_be_written(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "file" / name)
    start = Start(files["1e-3"])
    assert [refusal(start, "fp32")[:9] for _ in range(2)] == ["openvino "] * 2
    assert len(start.opened) == 4


def test_what_is_kept_is_for_one_file_plan_precision_and_device(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(MODEL.read_bytes())
    start = Start(file, here=file)

    def measured(plan: Plan = PLAN, device: Device = DEVICE, precision: str = "fp32") -> bool:
        """Whether a proof was made, rather than found."""
        before = len(start.opened)
        prove(file, plan, device, precision, "fp32", SIZE, start)
        return len(start.opened) > before

    assert measured()
    assert not measured()
    assert measured(precision="tf32")
    assert measured(plan=replace(PLAN, size=(56, 40)))
    assert measured(plan=replace(PLAN, outputs=("embedding",)))
    assert measured(device=Device("openvino:gpu"))
    found = file.stat()
    os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns + 1_000_000))
    assert measured()
    for about in ("title", "maker"):  # another processor or driver, another version
        with monkeypatch.context() as other:
            other.setattr(Device, about, "another 2.0")
            assert measured()
            assert not measured()
        assert not measured()
    assert len(list(cache.glob("*.proof"))) == 8


def test_what_is_compared_hangs_on_the_whole_network() -> None:
    outputs = ("block_00/attention", "block_00/tokens", "block_01/attention", "logits", "embedding")
    assert witnesses(outputs) == ("block_01/attention", "embedding")
    assert witnesses(outputs[:4]) == ("block_01/attention",)
    assert witnesses(("block_00/tokens", "block_01/tokens")) == ("block_01/tokens",)
    assert PLAN.outputs[-1] == "embedding"


def test_the_largest_error_of_any_output_counts() -> None:
    """Of the output's own largest value, whatever its sign; of nothing but zeros, as it is."""
    zeros, ones = np.zeros((1, 3), np.float32), np.array([[0, -1, 0.5]], np.float32)
    error = _proof._largest_error
    assert error({"a": ones, "b": zeros}, {"a": ones, "b": zeros}) == 0
    assert error({"a": 4 * ones, "b": zeros + 2}, {"a": 4 * ones, "b": zeros}) == 2
    assert error({"a": 4 * ones - 2, "b": zeros}, {"a": 4 * ones, "b": zeros}) == 0.5
    for wrong in ({"a": np.full_like(ones, np.inf)}, {"a": ones * np.nan}):
        assert error(wrong, {"a": ones}) == math.inf
        assert error(wrong, wrong) == math.inf


def test_the_picture_is_of_the_size_that_is_asked_and_full_of_colour() -> None:
    for size in ((48, 48), (40, 56), (7, 5), (17, 33)):
        shown = _proof._picture(*size)
        assert shown.shape == (1, *size, 3)
        assert shown.dtype == np.uint8
        np.testing.assert_array_equal(shown, _proof._picture(*size))
    assert len(np.unique(_proof._picture(48, 48).reshape(-1, 3), axis=0)) == 9
