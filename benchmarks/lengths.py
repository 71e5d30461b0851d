"""Short and long runs: does the last of many pictures take as long as the first?"""

from __future__ import annotations

import itertools
import resource
import time
from collections.abc import Sequence
from pathlib import Path

from vitonnx.demo import demo_models
from vitonnx.engine import Engine
from vitonnx.probes import Heads

SHORT, LONG = 100, 10_000


def measure(pictures: Sequence[Path], *, device: str) -> list[list[str]]:
    """Probe pictures by the package's small model; a row a length: pictures a second, memory."""
    engine = Engine(demo_models()["scenes_vit"], device=device, precision="fp32")
    _seconds(engine, pictures, SHORT)  # plans, and warms up
    rows = []
    for count in (SHORT, LONG, SHORT):
        seconds = _seconds(engine, pictures, count)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rows.append([f"{count:,}", f"{count / seconds:.0f}", f"{peak:.0f} MB"])
    return rows


def _seconds(engine: Engine, pictures: Sequence[Path], count: int) -> float:
    files = itertools.islice(itertools.cycle(pictures), count)
    start = time.perf_counter()
    for result in engine.stream(files, [Heads()]):
        assert result.error is None
    return time.perf_counter() - start
