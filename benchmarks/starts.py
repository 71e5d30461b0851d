"""What comes before the first result, from a cold process."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from matplotlib import get_cachedir

from benchmarks.models import model_file
from benchmarks.processes import seconds_of

IMPORT = [sys.executable, "-c", "import vitonnx"]
BARE = [sys.executable, "-c", "pass"]


def measure(picture: Path, *, times: int) -> list[list[str]]:
    """Give a row a thing: what, seconds."""
    model = model_file("S/16")
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder) / "heads.png")
        heads = [sys.executable, "-m", "vitonnx", "probe", "heads", str(model), str(picture)]
        heads += ["-o", target]
        # Where nothing can be written, no plan is kept; Matplotlib keeps its list of fonts.
        nothing_kept = {"XDG_CACHE_HOME": os.devnull, "MPLCONFIGDIR": get_cachedir()}
        rows = {
            "python alone": seconds_of(BARE, times),
            "import vitonnx": seconds_of(IMPORT, times),
            "probe heads, S/16, one picture, nothing kept": seconds_of(heads, times, nothing_kept),
            "probe heads, S/16, one picture": seconds_of(heads, times),
        }
    return [[what, f"{seconds:.2f} s"] for what, seconds in rows.items()]
