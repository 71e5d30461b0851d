"""``vitonnx doctor --measure``: which device and precision to take here."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping

import pytest

from terminal import Outcome, run
from vitonnx.cli._doctor import EXAMPLE
from vitonnx.demo import EXACT, Way, Worth
from vitonnx.demo._measure import CLEARLY
from vitonnx.engine import RANK_LIMIT
from vitonnx.errors import DeviceError, VitonnxError

Call = Callable[..., Outcome]

TAKE = re.compile(r"Take --device (\S+) --precision (\w+): ")
INT8, BF16 = Way("cpu", "int8"), Way("openvino", "bf16")


def found(*, rough: float = 0.9995) -> dict[str, Mapping[Way, Worth | VitonnxError]]:
    """What a machine might give, on which int8 is the fastest, of some rank correlation."""
    exact, halves = Worth(0.0431, 0.0, 1.0), Worth(0.0173, 0.0029, 0.9993)
    refusal = DeviceError("openvino has no arithmetic for fp16.")
    more: dict[Way, Worth | VitonnxError] = {EXACT: exact, Way("openvino", "fp16"): refusal}
    return {
        "scenes_vit": {
            BF16: Worth(0.0019, 0.0011, 0.9997),
            INT8: Worth(0.0023, 0.07, rough),
            **more,
        },
        "ViT-S/16": {INT8: Worth(0.0167, 0.0761, 0.9996), BF16: halves, **more},
    }


def test_the_fastest_that_is_listed_is_taken() -> None:
    """By the command that is the example of its help."""
    program, *words = shlex.split(EXAMPLE.removeprefix("Example: "))
    assert (program, *words) == ("vitonnx", "doctor", "--measure")
    outcome = run(*words)
    assert (outcome.code, outcome.err) == (0, "")
    *_, small, large, advice = outcome.out.strip().split("\n\n")
    for block, title in ((small, "scenes_vit"), (large, "ViT-S/16")):
        assert block.splitlines()[0].strip() == title
    _, header, *lines = large.splitlines()
    names = ["device", "precision", "ms a picture", "error of attention", "rank correlation"]
    assert re.split(r"\s{2,}", header.strip()) == names
    rows = [re.split(r"\s{2,}", line.strip()) for line in lines]
    timed = [row for row in rows if len(row) == len(names)]
    assert {("cpu", "fp32"), ("cpu", "fp16"), ("cpu", "int8")} <= {tuple(row[:2]) for row in timed}
    assert ["0", "1.0000"] in [row[3:] for row in timed if row[:2] == ["cpu", "fp32"]]
    seconds = {tuple(row[:2]): float(row[2]) for row in timed if float(row[4]) >= RANK_LIMIT}
    fastest = min(seconds, key=lambda way: seconds[way])
    taken = TAKE.match(advice)
    assert taken is not None
    if taken.groups() != fastest:  # fewer bits, and not clearly faster; printed numbers are rounded
        assert taken[2] == "fp32"
        assert seconds[taken.groups()] < 1.01 * CLEARLY * seconds[fastest]


def test_what_it_costs_is_said(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vitonnx.demo.measure_ways", lambda *_: found())
    outcome = call("doctor", "--measure")
    *_, large, advice = outcome.out.strip().split("\n\n")
    rows = [re.split(r"\s{2,}", line.strip()) for line in large.splitlines()[2:]]
    assert rows == [
        ["cpu", "int8", "16.7", "0.08", "0.9996"],
        ["openvino", "bf16", "17.3", "0.003", "0.9993"],
        ["cpu", "fp32", "43.1", "0", "1.0000"],
        ["openvino", "fp16", "openvino has no arithmetic for fp16."],
    ]
    # The most of both models.
    assert advice == (
        "Take --device cpu --precision int8: at ViT-S/16 it is 2.6 times as fast as the CPU in "
        "fp32. It costs an error of 0.08 of the largest attention, and maps whose rank correlation "
        "with the CPU's is 0.9995."
    )


def test_what_changes_maps_is_not_taken(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vitonnx.demo.measure_ways", lambda *_: found(rough=0.9893))
    assert "\nTake --device openvino --precision bf16: " in call("doctor", "--measure").out


def test_quiet_leaves_the_words_to_type(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vitonnx.demo.measure_ways", lambda *_: found())
    expected = Outcome(0, "--device cpu --precision int8\n", "")
    assert call("doctor", "--measure", "--quiet") == expected


def test_where_nothing_is_faster_the_exact_is_taken(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = {name: {EXACT: Worth(0.0431, 0.0, 1.0)} for name in ("scenes_vit", "ViT-S/16")}
    monkeypatch.setattr("vitonnx.demo.measure_ways", lambda *_: alone)
    advice = call("doctor", "--measure").out.strip().splitlines()[-1]
    assert advice.startswith(
        "Take --device cpu --precision fp32: nothing that keeps the maps is faster"
    )


def test_without_a_cpu_nothing_is_measured(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vitonnx.engine.devices._choose.loads_and_runs", lambda device: False)
    outcome = call("doctor", "--measure", "--quiet")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.errors == ["the CPU can't be used: onnxruntime doesn't load."]
