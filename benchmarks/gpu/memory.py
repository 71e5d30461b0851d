"""A batch whose memory isn't there: it is halved, goes on, and gives what it gave before."""

from __future__ import annotations

import logging
import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import vitonnx as vx
from benchmarks.gpu.asked import probed_pixels
from benchmarks.gpu.compare import SAME, compare
from benchmarks.gpu.rows import Rows

SIDE = 560  # pixels: 1225 tokens of a ViT/16
ROOM = 2**28  # bytes that are left on the card
STEP = 2**27  # by which the processor's are narrowed


def work(rows: Rows, device: str, model: str, file: str, **_: Any) -> None:
    row = {"model": model, "mode": "fp32", "path": "memory", "what": "a batch too large is halved"}
    if device == "cpu" and sys.platform != "linux":
        rows.add(**row, skipped="memory is limited as Linux does it")
        return
    heard: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("vitonnx").addHandler(handler)
    engine = vx.Engine(file, device=device, precision="fp32", size=SIDE, in_graph=True)
    count, probe = engine.batch_size, vx.Rollout()
    sides = engine.manifest.size
    drawn = np.random.default_rng(0).integers(0, 256, (1, *sides, 3), dtype=np.uint8)
    pixels = np.concatenate([drawn[:, :, np.arange(SIDE) - number] for number in range(count)])
    # One by one: the runtime's pool has no more than one picture needs.
    expected = np.concatenate([probed_pixels(engine, each[None], probe) for each in pixels])
    narrow = _on_card if device == "cuda" else _on_processor
    found = narrow(Path(file), engine, pixels, probe, heard)
    error = compare(found, expected)["error"]
    halved = any("continuing with" in said for said in heard)
    rows.add(**row, error=error, said=heard, ok=halved and error < SAME)


def _on_card(
    _: Path, engine: vx.Engine, pixels: NDArray[np.uint8], probe: Any, __: list[str]
) -> NDArray[Any]:
    import torch

    free, _total = torch.cuda.mem_get_info()
    taken = torch.empty(max(0, free - ROOM), dtype=torch.uint8, device="cuda")
    found = probed_pixels(engine, pixels, probe)
    del taken
    return found


def _on_processor(
    _: Path, engine: vx.Engine, pixels: NDArray[np.uint8], probe: Any, heard: list[str]
) -> NDArray[Any]:
    """Narrow the address space until it is too small for all pictures at once."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    for steps in range(12, 0, -1):
        limit = pages * resource.getpagesize() + steps * STEP
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
        found = probed_pixels(engine, pixels, probe)
        if heard:
            break
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return found
