"""How busy the GPU is, as its driver says."""

from __future__ import annotations

import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager

PERIOD = 0.05  # seconds


@contextmanager
def watched() -> Iterator[list[float]]:
    """Ask the driver now and then; the mean, or 0 where nobody can be asked (by pynvml)."""
    found, readings, over = [0.0], list[float](), threading.Event()
    try:
        import pynvml

        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByIndex(0)
    except Exception:  # no package, no driver, no GPU
        yield found
        return

    def watch() -> None:
        while not over.wait(PERIOD):
            readings.append(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()
        found[0] = statistics.mean(readings) if readings else 0.0
