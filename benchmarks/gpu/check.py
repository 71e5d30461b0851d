"""Is what the device gives right? Against the CPU in single precision, probe by probe."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from benchmarks.gpu.asked import expectation
from benchmarks.gpu.budget import Budget
from benchmarks.gpu.child import run_child
from benchmarks.gpu.compare import MODES, verdict
from benchmarks.gpu.material import PICTURES, file_of, size_of
from benchmarks.gpu.rows import Row, Rows, shown
from benchmarks.gpu.task import Task
from benchmarks.pictures import picture_files
from vitonnx.demo import demo_models
from vitonnx.engine import offered_precisions

COUNT = 6  # pictures
MODELS = 2  # beside those of the demo
COLUMNS = (
    "precision: {mode} | path: {path} | rows: {count} | verdict: {verdict} | rank, mean: {rank:.5f}"
    " | least: {least:.5f} | largest error: {error:.1e} | of: {model}, {what}"
)


def check(asked: argparse.Namespace, rows: Rows, budget: Budget) -> None:
    """Check models in every precision that the device has, each in a process, some at a time."""
    pictures = picture_files(PICTURES, COUNT)
    named = {name: (file, None) for name, file in demo_models().items()}
    models = {name: (file_of(name), size_of(name)) for name in asked.models[:MODELS]}
    with tempfile.TemporaryDirectory() as folder:
        tasks = []
        for name, (file, size) in (named | models).items():
            known = Path(folder) / f"{name}.npz"
            np.savez(known, allow_pickle=False, **expectation(file, size, pictures))
            sides = None if size is None else list(size)
            tasks.append(
                Task(asked.device, name, str(file), str(known), list(map(str, pictures)), sides)
            )
        rows.say("check: the processor's answers are there")

        def one(part: tuple[str, Task]) -> None:
            module, task = part
            about = {"model": task.model, "mode": task.mode, "path": module, "what": "all"}
            run_child(rows.about(section="check", **about), module, task, budget.left)
            rows.say(f"check: {module}, {task.model} in {task.mode}")

        with ThreadPoolExecutor(asked.jobs) as pool:
            list(pool.map(one, parts(asked.device, tasks)))
        # It takes nearly all of the memory, which nobody else may need meanwhile.
        one(("memory", tasks[-1]))


def parts(device: str, tasks: list[Task]) -> Iterator[tuple[str, Task]]:
    """Give what is to be done, the most important first: modules, and what they are told."""
    offered = offered_precisions(device)
    for mode in (mode for mode in MODES if mode in offered):
        for task in tasks:
            yield "precision", replace(task, mode=mode)
        if mode == "fp32":
            # A foreign file has one size, of which the pixels that are known must be.
            yield "tapped", next(task for task in reversed(tasks) if task.size is None)
            yield "several", replace(tasks[-1], others=[asdict(tasks[-2])])


def report(asked: argparse.Namespace, rows: Rows) -> list[str]:
    """Give the worst of each path and precision, and where nodes ran."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows.rows:
        if row["section"] == "check":
            groups.setdefault((row["mode"], row["path"]), []).append(row)
    ordered = sorted(groups.values(), key=lambda found: list(MODES).index(found[0]["mode"]))
    title = f"Check on {asked.device}, against the CPU in fp32"
    moved = {
        str((row["path"], row["mode"], row["what"], row["elsewhere"], row["copies"])): {
            **row,
            "nodes": ", ".join(f"{count} {name}" for name, count in row["elsewhere"].items()),
        }
        for row in rows.rows
        if row.get("elsewhere") or row.get("copies")
    }
    graphs = "graph: {path}, {mode}: {what} | nodes: {nodes} | copies: {copies}"
    lines = shown("Nodes that did not run on the device", list(moved.values()), graphs)
    return [*lines, *shown(title, list(map(worst, ordered)), COLUMNS)]


def worst(rows: list[Row]) -> Row:
    """Make one row of many: the largest error, and the least of all correlations."""
    measured = [row for row in rows if "error" in row]
    found: Row = max(measured, key=lambda row: float(row["error"]), default={})
    ranks = {
        key: min(row[key] for row in measured if key in row)
        for key in ("rank", "least")
        if any(key in row for row in measured)
    }
    judged = [verdict(row) for row in rows]
    bad = judged.count(False)
    said = f"{bad} FAILED" if bad else "pass" if True in judged else "-"
    about = {"mode": rows[0]["mode"], "path": rows[0]["path"], "count": len(rows)}
    return {**found, **about, **ranks, "verdict": said}
