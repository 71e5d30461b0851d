"""The benchmarks: on the device and in the precision that are asked for, and on no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from benchmarks import graphs

from vitonnx.demo import demo_models, write_vit
from vitonnx.engine.devices import Device
from vitonnx.errors import DeviceError
from vitonnx.modelfile import load_manifest, load_outline
from vitonnx.probes import Heads

SMALL = demo_models()["scenes_vit"]
CPU = Device("cpu")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure one probe of a small model."""
    monkeypatch.setattr(graphs, "model_file", lambda short: SMALL)
    monkeypatch.setattr(graphs, "raw_file", lambda short: None)
    monkeypatch.setattr(graphs, "PROBES", {"heads": [Heads()]})


@pytest.mark.parametrize(("precision", "whole"), [("fp32", False), ("int8", True)])
def test_graphs_are_in_the_precision_that_is_asked(
    precision: str, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[frozenset[str]] = []
    run = graphs.runner

    def seen(graph: Path, *more: object) -> object:
        ran.append(frozenset(load_outline(graph).operators))
        return run(graph, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(graphs, "runner", seen)
    rows = graphs.measure("S/16", rounds=1, device=CPU, precision=precision)
    assert [name for name, *_ in rows] == ["S/16 plain inference", "S/16 heads"]
    assert [("MatMulInteger" in operators) for operators in ran] == [whole, whole]


def test_a_precision_that_a_device_lacks_is_refused() -> None:
    with pytest.raises(DeviceError, match="bf16 on cpu"):
        graphs.measure("S/16", rounds=1, device=CPU, precision="bf16")


def test_nothing_runs_on_the_cpu_unseen() -> None:
    absent = next(
        device
        for device in map(Device, ("directml", "coreml", "openvino"))
        if device.provider not in onnxruntime.get_available_providers()
    )
    pixels = np.zeros((1, *load_manifest(SMALL).size, 3), np.uint8)
    with (
        pytest.warns(UserWarning, match="not in available provider names"),
        pytest.raises(SystemExit, match="would run on the CPU"),
    ):
        graphs.runner(SMALL, pixels, absent, "fp32")


@pytest.mark.peers
def test_autocast_computes_in_bf16_and_gives_the_same_maps(tmp_path: Path) -> None:
    import torch
    from benchmarks.models import NAMES
    from benchmarks.peers import Timm, probes
    from benchmarks.pictures import picture_files

    write_vit(file := tmp_path / "vit.onnx")
    files, manifest = picture_files(tmp_path, 1), load_manifest(file)
    maps = {}
    for half in (False, True):
        torch.manual_seed(7)
        peer = Timm(NAMES["S/16"], manifest, half=half)
        maps[half] = {name: np.asarray(work(files)) for name, work in probes(peer).items()}
    for name, exact in maps[False].items():
        error = np.abs(maps[True][name] - exact).max() / exact.max()
        assert 1e-6 < error < 3e-2, name  # eight bits of each factor, and twelve blocks
