"""One model in one precision: every probe, by every way that leads to it."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import vitonnx as vx
from benchmarks.gpu.asked import Probes, probed, sets_of
from benchmarks.gpu.baked import check_baked
from benchmarks.gpu.card import Card
from benchmarks.gpu.compare import SAME, compare
from benchmarks.gpu.ready import check_ready
from benchmarks.gpu.rows import Rows
from benchmarks.gpu.task import Task
from vitonnx.engine import reduce_file


def work(rows: Rows, task: Task) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(task.file)
        if task.mode == "int8":  # whose scales are fixed, as accelerators take it
            file = Path(folder) / "calibrated.onnx"
            reduce_file(task.file, file, task.mode, size=task.sides, calibration=task.files)
        engine = task.engine(file=file)
        sets = sets_of(engine)
        for probes in sets:
            task.check(rows.about(path="engine"), engine, probes)
        with rows.tried(path="threads", what="four at once"):
            check_threads(rows.about(path="threads"), task, engine, sets[0])
        check_ready(rows.about(path="ready"), task, engine, sets[0])
        if task.mode == "fp32":  # attention leaves the device, and is probed by NumPy
            with rows.tried(path="on the host", what="all"):
                host = task.engine(in_graph=False)
                task.check(rows.about(path="on the host"), host, sets[0])
        check_baked(rows, task, engine, sets)
    rows.add(path="memory", what="taken at the end", bytes=Card(task.device).used())


def check_threads(rows: Rows, task: Task, engine: vx.Engine, probes: Probes) -> None:
    """See that one engine in four threads at once gives what it gives to one."""
    once = probed(engine, task.files, probes)
    with ThreadPoolExecutor(4) as pool:
        many = list(pool.map(lambda _: probed(engine, task.files, probes), range(4)))
    for label, array in once.items():
        worst = max(compare(each[label], array)["error"] for each in many)
        rows.add(what=label, error=worst, ok=worst < SAME)
