"""A batch whose memory isn't there: it is halved, goes on, and gives what it gave before."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import vitonnx as vx
from benchmarks.gpu.asked import probed_pixels
from benchmarks.gpu.compare import SAME, compare
from benchmarks.gpu.rows import Rows
from benchmarks.gpu.task import Task

SIDE = 560  # pixels: 1225 tokens of a ViT/16
ROOM = 2**28  # bytes that are left on the card
STEP = 2**27  # by which the processor's are narrowed


def work(rows: Rows, task: Task) -> None:
    if task.device == "cpu" and sys.platform != "linux":
        rows.add(skipped="memory is limited as Linux does it")
        return
    heard: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("vitonnx").addHandler(handler)
    engine, probe = task.engine(size=SIDE), vx.Rollout()
    drawn = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    pixels = np.stack([np.roll(drawn, number, 1) for number in range(engine.batch_size)])
    # One by one: the runtime's pool has no more than one picture needs.
    expected = np.concatenate([probed_pixels(engine, each[None], probe) for each in pixels])

    def work() -> NDArray[Any]:
        return probed_pixels(engine, pixels, probe)

    found = _on_card(work) if task.device == "cuda" else _on_processor(work, heard)
    error = compare(found, expected)["error"]
    halved = any("continuing with" in said for said in heard)
    rows.add(error=error, said=heard, ok=halved and error < SAME)


def _on_card(work: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    """Take nearly all that is free meanwhile."""
    import torch

    taken = []
    while (more := torch.cuda.mem_get_info()[0] - ROOM) > ROOM // 8:
        taken.append(torch.empty(more // 2, dtype=torch.uint8, device="cuda"))
    return work()


def _on_processor(work: Callable[[], NDArray[Any]], heard: list[str]) -> NDArray[Any]:
    """Narrow the address space until it is too small for all pictures at once."""
    import resource

    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    for steps in range(12, 0, -1):
        resource.setrlimit(resource.RLIMIT_AS, (used + steps * STEP, resource.RLIM_INFINITY))
        found = work()
        if heard:
            break
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return found
