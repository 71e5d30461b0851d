"""Throughput of ``vitonnx probe distance`` against inference alone, in turns in one process.

    python benchmarks/distance.py MODEL FOLDER [ROUNDS]

Inference alone is the same graph with all its attention as outputs, and nothing decoded. Each
round does
64 pictures of both; the first round is not counted. In brackets is the processors' time, which
says more than the clock where the machine is busy with other things.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import onnxruntime

import vitonnx as vx
from vitonnx.engine import prepare
from vitonnx.media import find_pictures, open_picture

PICTURES = 64


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds a picture: by the clock, and of processors."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    spent = time.perf_counter() - clock, time.process_time() - processor
    return spent[0] / PICTURES * 1e3, spent[1] / PICTURES * 1e3


def main(model: str, folder: str, rounds: int = 10) -> None:
    engine = vx.Engine(model, device="cpu")
    pictures = find_pictures([folder])[:PICTURES]
    recipe, size = engine.manifest.preprocessing, engine.batch_size
    pixels = np.stack([prepare(open_picture(picture), recipe).pixels for picture in pictures])
    probe = vx.Distance()
    names = probe.reads(engine.layout)

    def inference() -> None:
        for start in range(0, PICTURES, size):
            engine.run_pixels(pixels[start : start + size], names)

    def distance() -> None:
        for _ in engine.stream(pictures, [probe]):
            pass

    print(f"{platform.platform()}, {os.cpu_count()} cores, onnxruntime {onnxruntime.__version__}")
    alone, stream = [], []
    for number in range(rounds + 1):
        pair = timed(inference), timed(distance)
        print(
            "inference {:.1f} ({:.1f}), distance {:.1f} ({:.1f})".format(*pair[0], *pair[1]),
            flush=True,
        )
        if number:
            alone.append(pair[0])
            stream.append(pair[1])
    for place, what in enumerate(("clock", "processors")):
        one, two = (statistics.median(row[place] for row in rows) for rows in (alone, stream))
        print(f"{what}: inference {one:.1f}, distance {two:.1f}, ratio {one / two:.3f}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 10)
