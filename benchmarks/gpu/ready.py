"""Pixels that are ready, wherever they lie: the same answers, and no copy."""

from __future__ import annotations

import importlib
import importlib.util
import os
from functools import partial
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

import vitonnx as vx
from benchmarks.gpu.asked import Arrays, Probes, probed_pixels
from benchmarks.gpu.compare import SAME, compare
from benchmarks.gpu.rows import Rows
from vitonnx.errors import UsageError

LONG = 80  # pictures, more than an engine runs at once


def check_ready(
    rows: Rows, engine: vx.Engine, known: Arrays, probes: Probes, about: dict[str, Any]
) -> None:
    about = {**about, "path": "ready"}
    if importlib.util.find_spec("torch") is None:
        rows.add(**about, what="a tensor", skipped="torch isn't installed")
        return
    import torch

    pixels = known["pixels"]
    tensor = torch.from_numpy(pixels.copy()).to(engine.device)
    if tensor.is_cuda:
        torch.cuda.synchronize()
    for label, probe in probes.items():
        with rows.tried(**about, what=label):
            host, there = (probed_pixels(engine, each, probe) for each in (pixels, tensor))
            rows.add(**about, what=f"{label}, NumPy's", **compare(host, known[label]))
            rows.add(**about, what=f"{label}, a tensor", **compare(there, known[label]))
            apart = compare(there, host)["error"]
            rows.add(**about, what=f"{label}: both are the same", error=apart, ok=apart < SAME)
    probe = next(iter(probes.values()))
    with rows.tried(**about, what="where a tensor lies"):
        _check_places(rows, engine, tensor, probe, about)
    if about["mode"] == "fp16" and tensor.is_cuda:
        _check_libraries(rows, engine, pixels, probe, about)


def _check_places(
    rows: Rows, engine: vx.Engine, tensor: Any, probe: Any, about: dict[str, Any]
) -> None:
    """See that a tensor is read where it lies, and not in another order than it has."""
    import torch

    value = onnxruntime.OrtValue.from_dlpack(tensor)
    alike = value.data_ptr() == tensor.data_ptr() and value.device_name() in engine.device
    rows.add(**about, what="a bound tensor lies where it lay: no copy", ok=bool(alike))
    before = probed_pixels(engine, tensor, probe)
    tensor.copy_(torch.flip(tensor, [2]))
    if not tensor.is_cuda:
        return  # where a view's gaps are copied
    torch.cuda.synchronize()
    moved = not np.array_equal(before, probed_pixels(engine, tensor, probe))
    rows.add(**about, what="a tensor that was written again gives other maps", ok=moved)
    for what, bad in (
        ("gaps", torch.cat([tensor, tensor], 2)[:, :, : tensor.shape[2]]),
        ("another order", tensor.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)),
    ):
        try:
            engine.probe_pixels(bad, probe)
        except UsageError:
            rows.add(**about, what=f"a tensor with {what} is refused", ok=True)
        else:
            rows.add(**about, what=f"a tensor with {what} is refused", ok=False)


def _check_libraries(
    rows: Rows, engine: vx.Engine, pixels: NDArray[Any], probe: Any, about: dict[str, Any]
) -> None:
    """Try batches of other libraries that are cut: a part may be a copy that is yet to be made."""
    many = np.concatenate([pixels] * (1 + LONG // len(pixels)))
    wanted = probed_pixels(engine, many, probe)
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    for name, module in {"torch": "torch", "cupy": "cupy", "jax": "jax.numpy"}.items():
        if importlib.util.find_spec(name) is None:
            continue
        with rows.tried(**about, what=f"{name}'s batch of {len(many)}"):
            library = importlib.import_module(module)
            if name == "torch":
                batch = library.from_numpy(many).cuda()
                wait = library.cuda.synchronize
            else:
                batch = library.asarray(many)
                wait = (
                    batch.block_until_ready if name == "jax" else library.cuda.Device().synchronize
                )
            wait()
            again = [probed_pixels(engine, batch, probe) for _ in range(5)]
            worst = max(map(_error, map(partial(compare, expected=wanted), again)))
            what = f"{name}'s batch of {len(many)}, five times"
            rows.add(**about, what=what, error=worst, ok=worst < SAME)


def _error(found: dict[str, float]) -> float:
    return found["error"]
