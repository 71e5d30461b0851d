"""Pixels that are ready, wherever they lie: the same answers, and no copy."""

from __future__ import annotations

import importlib
import importlib.util
import os
from typing import Any

import numpy as np
import onnxruntime

import vitonnx as vx
from benchmarks.gpu.asked import Probes, probed_pixels
from benchmarks.gpu.compare import SAME, compare
from benchmarks.gpu.rows import Rows
from benchmarks.gpu.task import Task
from vitonnx.errors import UsageError

LONG = 80  # pictures, more than an engine runs at once


def check_ready(rows: Rows, task: Task, engine: vx.Engine, probes: Probes) -> None:
    if importlib.util.find_spec("torch") is None:
        rows.add(what="a tensor", skipped="torch isn't installed")
        return
    import torch

    pixels = task.expected["pixels"]
    tensor = torch.from_numpy(pixels.copy()).to(engine.device)
    if tensor.is_cuda:
        torch.cuda.synchronize()
    for label, probe in probes.items():
        with rows.tried(what=label):
            host, there = (probed_pixels(engine, each, probe) for each in (pixels, tensor))
            rows.add(what=f"{label}, NumPy's", **compare(host, task.expected[label]))
            rows.add(what=f"{label}, a tensor", **compare(there, task.expected[label]))
            apart = compare(there, host)["error"]
            rows.add(what=f"{label}: both are the same", error=apart, ok=apart < SAME)
    probe = next(iter(probes.values()))
    with rows.tried(what="where a tensor lies"):
        value = onnxruntime.OrtValue.from_dlpack(tensor)
        alike = value.data_ptr() == tensor.data_ptr() and value.device_name() in engine.device
        rows.add(what="a bound tensor lies where it lay: no copy", ok=bool(alike))
        if tensor.is_cuda:
            _check_places(rows, engine, tensor.clone(), probe)
    if task.mode == "fp16" and tensor.is_cuda:
        many = np.concatenate([pixels] * (1 + LONG // len(pixels)))
        for name, module in {"torch": "torch", "cupy": "cupy", "jax": "jax.numpy"}.items():
            what = f"{name}'s batch of {len(many)}, five times"
            with rows.tried(what=what):
                if importlib.util.find_spec(name) is not None:
                    _check_library(rows.about(what=what), engine, module, many, probe)


def _check_places(rows: Rows, engine: vx.Engine, tensor: Any, probe: Any) -> None:
    """See that a tensor is read where it lies, and not in another order than it has."""
    import torch

    before = probed_pixels(engine, tensor, probe)
    tensor.copy_(torch.flip(tensor, [2]))
    torch.cuda.synchronize()
    moved = not np.array_equal(before, probed_pixels(engine, tensor, probe))
    rows.add(what="a tensor that was written again gives other maps", ok=moved)
    for what, bad in (
        ("gaps", torch.cat([tensor, tensor], 2)[:, :, : tensor.shape[2]]),
        ("another order", tensor.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)),
    ):
        refused = False
        try:
            engine.probe_pixels(bad, probe)
        except UsageError:
            refused = True
        rows.add(what=f"a tensor with {what} is refused", ok=refused)


def _check_library(rows: Rows, engine: vx.Engine, module: str, many: Any, probe: Any) -> None:
    """Try a library's batch that is cut: a part of it may be a copy that is yet to be made."""
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    library = importlib.import_module(module)
    if module == "torch":
        batch = library.from_numpy(many).cuda()
        library.cuda.synchronize()
    else:
        batch = library.asarray(many)
        wait = getattr(batch, "block_until_ready", None) or library.cuda.Device().synchronize
        wait()
    wanted = probed_pixels(engine, many, probe)
    worst = max(compare(probed_pixels(engine, batch, probe), wanted)["error"] for _ in range(5))
    rows.add(error=worst, ok=worst < SAME)
