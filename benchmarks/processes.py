"""What a fresh process needs: its time, and the most memory that it ever held."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent

PROGRAM = """
import json, sys, time
from pathlib import Path
way, model, picture, probe, size, rounds, device = sys.argv[1:]
size, files, seconds = int(size), [Path(picture)], []
if way == "vitonnx":
    from vitonnx.engine import Engine
    from benchmarks.files import PROBES
    engine = Engine(model, device=device, size=size, precision="fp32")
    work = lambda: list(engine.stream(files, [PROBES[probe]]))
else:
    from benchmarks.peers import Timm, probes
    from benchmarks.models import NAMES
    from vitonnx.engine.devices import Device
    from vitonnx.modelfile import load_manifest
    manifest = load_manifest(Path(model)).at((size, size))
    memory = Device(device).memory  # as torch names it, too
    peer = Timm(NAMES["S/8"], manifest, memory, last_block_only=way.endswith("last block"))
    work = lambda: probes(peer)[probe](files)
for _ in range(int(rounds)):
    start = time.perf_counter()
    work()
    seconds.append(time.perf_counter() - start)
# Of this program: Linux counts that of the one which started it into its resources.
peak = int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]) / 1024
print(json.dumps({"seconds": min(seconds), "peak": peak}))
"""


def in_process(
    way: str,
    model: Path,
    picture: Path,
    probe: str,
    size: int,
    rounds: int,
    device: str = "cpu",
) -> dict[str, float]:
    """Probe one picture some times; give the best time in seconds, and the peak in MB.

    No plan is kept from before: the peak is that of planning too. It is the processor's memory,
    whatever the device.
    """
    arguments = [way, str(model), str(picture), probe, str(size), str(rounds), device]
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *arguments],
            cwd=ROOT,
            env=os.environ | {"XDG_CACHE_HOME": cache},
            check=True,
            capture_output=True,
            text=True,
        )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def seconds_of(
    command: list[str], times: int, environment: Mapping[str, str] | None = None
) -> float:
    """Give the median wall time of a command."""
    variables = os.environ | (environment or {})
    found = []
    for _ in range(times):
        start = time.perf_counter()
        subprocess.run(command, cwd=ROOT, env=variables, check=True, capture_output=True)
        found.append(time.perf_counter() - start)
    return statistics.median(found)
