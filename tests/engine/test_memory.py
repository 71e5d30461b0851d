"""Where memory is short, batches are halved, and nothing else changes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PROGRAM = """
import resource, sys
import numpy as np
import vitonnx as vx

# 50 by 70 patches: 147 MB of attention a picture and block.
engine = vx.Engine(sys.argv[1], device="cpu", size=(400, 560), threads=1)
layout = engine.layout
pixels = np.random.default_rng(0).integers(0, 256, (5, 400, 560, 3), np.uint8)
session = engine._open((vx.Rollout(),), ())
expected = np.concatenate([session.run(pixels[i:i + 1], ("rollout",))["rollout"] for i in range(5)])
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[2]) * 2**20,) * 2)
for _ in range(2):
    found = session.run(pixels, ("rollout",))["rollout"]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited as Linux does it")
def test_a_batch_that_is_too_large_is_halved(exported: Callable[[str], Path]) -> None:
    command = [sys.executable, "-c", PROGRAM, str(exported("plain")), "700"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = done.stderr.strip().splitlines()
    assert said[0] == "5 pictures at once need more memory than cpu has: continuing with 3."
    assert len(set(said)) == len(said)  # once a size, and not in every batch


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited as Linux does it")
def test_a_picture_that_is_too_large_is_a_sentence(exported: Callable[[str], Path]) -> None:
    command = [sys.executable, "-c", PROGRAM, str(exported("plain")), "20"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "VitonnxError: onnxruntime can't run 1 pictures at once on cpu" in done.stderr
    assert "use a smaller size" in done.stderr
