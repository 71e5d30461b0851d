"""Start the runtime on a device, told in which precision to compute."""

from __future__ import annotations

import contextlib
import io
import json
import os
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias

import numpy as np
import onnxruntime

from vitonnx.engine.devices._accelerators import CPU, CUDA
from vitonnx.engine.devices._device import Device
from vitonnx.engine.devices._trial import FATAL_ONLY, quiet_runtime, trial_graph

__all__ = ["LOST_BY_FORK", "loads_and_runs", "lost_by_fork", "session_providers", "start_runtime"]

# The runtime's own names, in order of preference, with their options.
Providers: TypeAlias = list[str | tuple[str, dict[str, str]]]

# Before 1.26, it fuses products with transposes in doubles, too, and has no kernel for these.
RELEASE = tuple(map(int, onnxruntime.__version__.split(".")[:2]))
FAULTY = ["MatmulTransposeFusion"] if RELEASE < (1, 26) else None

# OpenVINO's names. Where it isn't told, it takes the fastest that the hardware has.
HINTS = {"fp16": "f16", "bf16": "bf16"}

# The process in which each plug-in first ran. A fork of it has their state, but not their threads:
# whatever is run there waits for these forever.
_ran_in: dict[str, int] = {}
LOST_BY_FORK = (
    "it has run in the process that this one was forked from, and its threads stayed there; start "
    "processes by spawn, or open no engine before they are forked"
)


def lost_by_fork(device: Device) -> bool:
    """Tell whether a plug-in's device has run in the process that this one was forked from."""
    return bool(device.hardware) and _ran_in.get(device.provider, os.getpid()) != os.getpid()


def start_runtime(
    model: Path | bytes,
    device: Device,
    options: onnxruntime.SessionOptions,
    *,
    precision: str = "fp32",
    threads: int | None = None,
) -> onnxruntime.InferenceSession:
    """Make a session of the runtime on a device, or raise what the runtime raises.

    What the device can't take must not end on the CPU, with a page on stdout.
    """
    given: dict[str, Any] = {"enable_fallback": 0, "disabled_optimizers": FAULTY}
    if device.hardware:
        _ran_in.setdefault(device.provider, os.getpid())
        settings = _settings(device, precision, threads)
        options.add_provider_for_devices(list(device.hardware), settings)
        with quiet_runtime():
            return onnxruntime.InferenceSession(model, options, **given)
    providers = session_providers(device, precision, threads)
    return onnxruntime.InferenceSession(model, options, providers=providers, **given)


def loads_and_runs(device: Device, *, half: bool = False) -> bool:
    """Run a sum on a device, if `half` in half precision; False if its libraries don't load.

    Raise one of RUNTIME_ERRORS if they do, and nothing can be run on the device.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    with quiet_runtime():
        if device.memory == "cuda":
            _preload()
        try:
            session = start_runtime(trial_graph(half=half), device, options)
        except RuntimeError:  # not one of RUNTIME_ERRORS: the provider could not be made
            return False
        if device.provider not in session.get_providers():
            return False
        session.run(None, {"x": np.zeros(3, np.float16 if half else np.float32)})
    return True


_one_at_a_time = Lock()


def _preload() -> None:
    """Load NVIDIA's libraries, and keep the runtime's Python layer from printing what is missing.

    What is printed meanwhile by other threads goes with it; two of these blocks at once would not
    put back what they found.
    """
    with _one_at_a_time, contextlib.redirect_stdout(io.StringIO()):
        onnxruntime.preload_dlls()


def session_providers(
    device: Device, precision: str = "fp32", threads: int | None = None
) -> Providers:
    """Name the providers of a device that is no plug-in's, in order of preference, with options."""
    if device.provider == CPU:
        return [CPU]
    if device.memory != "cuda":
        return [(device.provider, _settings(device, precision, threads)), CPU]
    # CUDA runs what TensorRT can't; and multiplies with 10 bits of each factor unless it's told.
    exact = {"use_tf32": "1" if precision == "tf32" else "0"}
    cuda = (CUDA, {"device_id": str(device.number), **exact})
    return [cuda, CPU] if device.provider == CUDA else [device.provider, cuda, CPU]


def _settings(device: Device, precision: str, threads: int | None) -> dict[str, str]:
    """Give the options that the provider itself takes."""
    accelerator = device.accelerator
    if accelerator is None or not accelerator.hints:
        return {}
    kind = device.kind.upper()
    asked: dict[str, Any] = {"INFERENCE_PRECISION_HINT": HINTS.get(precision, "f32")}
    if threads is not None and kind == "CPU":
        asked["INFERENCE_NUM_THREADS"] = threads
    told = {"load_config": json.dumps({kind: asked})}
    # A plug-in's hardware says itself what it is.
    return told if device.hardware else {"device_type": kind, **told}
