"""One model in one precision: every probe, by every way that leads to it."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

import vitonnx as vx
from benchmarks.gpu.asked import Arrays, Probes, probed, sets_of
from benchmarks.gpu.baked import check_baked
from benchmarks.gpu.card import Card
from benchmarks.gpu.compare import SAME, compare
from benchmarks.gpu.ready import check_ready
from benchmarks.gpu.rows import Rows
from vitonnx.engine import reduce_file


def work(
    rows: Rows,
    device: str,
    model: str,
    file: str,
    size: list[int] | None,
    known: str,
    mode: str,
    pictures: list[str],
) -> None:
    about: dict[str, Any] = {"model": model, "mode": mode}
    files = list(map(Path, pictures))
    with np.load(known) as stored:
        expected: Arrays = dict(stored)
    source, sides = Path(file), None if size is None else (size[0], size[1])
    with tempfile.TemporaryDirectory() as folder:
        if mode == "int8":  # whose scales are fixed, as accelerators take it
            source = Path(folder) / "calibrated.onnx"
            reduce_file(file, source, mode, size=sides, calibration=files)
        options: dict[str, Any] = {"device": device, "precision": mode, "size": sides}
        engine = vx.Engine(source, **options, in_graph=True)
        sets = sets_of(engine)
        for probes in sets:
            with rows.tried(**about, path="engine", what=" + ".join(probes)):
                for label, array in probed(engine, files, probes).items():
                    found = compare(array, expected[label])
                    rows.add(**about, path="engine", what=label, **found)
        check_threads(rows, engine, files, sets[0], about)
        check_ready(rows, engine, expected, sets[0], about)
        if mode == "fp32":  # attention leaves the device, and is probed by NumPy
            with rows.tried(**about, path="on the host", what="all"):
                host = vx.Engine(source, **options, in_graph=False)
                for label, array in probed(host, files, sets[0]).items():
                    found = compare(array, expected[label])
                    rows.add(**about, path="on the host", what=label, **found)
        check_baked(rows, engine, expected, sets, about)
    rows.add(**about, path="memory", what="taken at the end", bytes=Card(device).used())


def check_threads(
    rows: Rows, engine: vx.Engine, files: list[Path], probes: Probes, about: dict[str, Any]
) -> None:
    """See that one engine in four threads at once gives what it gives to one."""
    with rows.tried(**about, path="threads", what="four at once"):
        once = probed(engine, files, probes)
        with ThreadPoolExecutor(4) as pool:
            many = list(pool.map(lambda _: probed(engine, files, probes), range(4)))
        for label, array in once.items():
            worst = max(compare(each[label], array)["error"] for each in many)
            rows.add(**about, path="threads", what=label, error=worst, ok=worst < SAME)
