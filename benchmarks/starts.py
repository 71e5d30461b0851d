"""What comes before the first result, from a cold process."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.models import model_file
from benchmarks.processes import seconds_of

IMPORT = [sys.executable, "-c", "import vitonnx"]
BARE = [sys.executable, "-c", "pass"]


def measure(picture: Path, *, times: int) -> list[list[str]]:
    """Give a row a thing: what, seconds."""
    model = model_file("S/16")
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder) / "heads.npz")
        heads = [sys.executable, "-m", "vitonnx", "probe", "heads", str(model), str(picture)]
        rows = {
            "python alone": seconds_of(BARE, times),
            "import vitonnx": seconds_of(IMPORT, times),
            "probe heads, S/16, one picture, plan kept": seconds_of([*heads, "-o", target], times),
        }
    return [[what, f"{seconds:.2f} s"] for what, seconds in rows.items()]
