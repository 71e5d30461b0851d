"""How many pictures go through at once, on a processor and by a GPU's free memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import vitonnx as vx
from vitonnx.engine._batches import attention_bytes, largest_batch
from vitonnx.engine.devices import Device, _nvidia
from vitonnx.layout import Layout

Exported = Callable[[str], Path]

GIGABYTE = 2**30
SMALL = Layout(grid=(14, 14), patch_size=16, prefix_tokens=("cls",), blocks=12, heads=6, dim=384)
BASE = replace(SMALL, heads=12, dim=768)
FINE = replace(SMALL, grid=(60, 60), patch_size=8)  # ViT-S/8 at 480


@pytest.mark.parametrize(
    ("layout", "raw", "free", "batch"),
    [
        (SMALL, False, None, 8),
        (FINE, False, None, 1),
        (FINE, True, None, 1),
        (BASE, False, 139 * GIGABYTE, 64),
        (BASE, False, 2 * GIGABYTE, 16),
        (BASE, False, GIGABYTE // 5, 2),
        (BASE, False, 0, 1),
        # All attention comes here: half a gigabyte of it, whatever the GPU has.
        (BASE, True, 139 * GIGABYTE, 16),
        (FINE, False, 139 * GIGABYTE, 16),
        (FINE, True, 139 * GIGABYTE, 1),
    ],
)
def test_a_batch_fits(layout: Layout, raw: bool, free: int | None, batch: int) -> None:
    assert largest_batch(layout, raw=raw, free=free) == batch
    if free and batch > 1:
        # Two at a time, and a pool that has grown to twice of what is needed.
        assert 4 * batch * 3 * attention_bytes(layout) < free


def test_a_little_less_free_memory_changes_nothing() -> None:
    """Results depend on the batch a little, and a run goes on only with the same."""
    found = {largest_batch(BASE, raw=False, free=free * 2**20) for free in range(1400, 2000, 7)}
    assert len(found) == 1


class Driver:
    """What NVIDIA's driver answers; a context is given back as often as it is taken."""

    def __init__(self, failing: str = "") -> None:
        self.failing, self.taken, self.pushed = failing, 0, 0

    def __getattr__(self, name: str) -> Callable[..., int]:
        def call(*arguments: Any) -> int:
            if name == self.failing:
                return 1
            match name:
                case "cuDevicePrimaryCtxRetain":
                    self.taken += 1
                case "cuDevicePrimaryCtxRelease_v2":
                    self.taken -= 1
                case "cuCtxPushCurrent_v2":
                    self.pushed += 1
                case "cuCtxPopCurrent_v2":
                    self.pushed -= 1
                case "cuMemGetInfo_v2":
                    free, whole = (each._obj for each in arguments)
                    free.value, whole.value = 5 * GIGABYTE, 7 * GIGABYTE
            return 0

        return call


@pytest.mark.parametrize(
    "failing",
    ["", "cuDeviceGet", "cuDevicePrimaryCtxRetain", "cuCtxPushCurrent_v2", "cuMemGetInfo_v2"],
)
def test_the_driver_is_asked_what_is_free(failing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver(failing)
    monkeypatch.setattr(_nvidia, "_driver", lambda: driver)
    assert Device("cuda:1").free_memory == (None if failing else 5 * GIGABYTE)
    assert (driver.taken, driver.pushed) == (0, 0)


def test_without_a_driver_or_memory_of_its_own_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Device("openvino").free_memory is None
    assert Device("cpu").free_memory is None
    monkeypatch.setattr(_nvidia, "_driver", lambda: None)
    assert Device("cuda").free_memory is None


def test_an_engine_takes_larger_batches_on_a_gpu(
    exported: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    with vx.Engine(exported("plain"), device="cpu") as engine:
        assert engine.batch_size == 8
    monkeypatch.setattr(Device, "free_memory", 100 * GIGABYTE)
    with vx.Engine(exported("plain"), device="cpu") as engine:
        assert engine.batch_size == 64
