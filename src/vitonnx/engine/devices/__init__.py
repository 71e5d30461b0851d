"""Devices: what onnxruntime can compute on here, found, tried and started."""

from vitonnx.engine.devices._choose import (
    Obstacle,
    choose_device,
    find_device,
    find_obstacle,
    list_devices,
)
from vitonnx.engine.devices._device import DEVICES, Device
from vitonnx.engine.devices._start import LOST_BY_FORK, lost_by_fork, start_runtime
from vitonnx.engine.devices._takes import (
    offered_precisions,
    own_precision,
    require_bf16,
    require_precision,
)
from vitonnx.engine.devices._trial import FATAL_ONLY, RUNTIME_ERRORS, first_line

__all__ = [
    "DEVICES",
    "FATAL_ONLY",
    "LOST_BY_FORK",
    "RUNTIME_ERRORS",
    "Device",
    "Obstacle",
    "choose_device",
    "find_device",
    "find_obstacle",
    "first_line",
    "list_devices",
    "lost_by_fork",
    "offered_precisions",
    "own_precision",
    "require_bf16",
    "require_precision",
    "start_runtime",
]
