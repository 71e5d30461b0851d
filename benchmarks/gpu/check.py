"""Is what the device gives right? Against the CPU in single precision, probe by probe."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu.asked import expectation
from benchmarks.gpu.budget import Budget
from benchmarks.gpu.child import run_child
from benchmarks.gpu.compare import MODES, verdict
from benchmarks.gpu.material import PICTURES, file_of, name_of, size_of
from benchmarks.gpu.rows import Row, Rows
from benchmarks.pictures import picture_files
from benchmarks.tables import table
from vitonnx.demo import demo_models
from vitonnx.engine import offered_precisions

COUNT = 6  # pictures
MODELS = 2  # beside those of the demo


def check(asked: argparse.Namespace, rows: Rows, budget: Budget) -> None:
    """Check models in every precision that the device has, each in a process, some at a time."""
    files = picture_files(PICTURES, COUNT)
    named = {name: (file, None) for name, file in demo_models().items()}
    models = {name: (file_of(name), size_of(name)) for name in asked.models[:MODELS]}
    with tempfile.TemporaryDirectory() as folder:
        tasks = []
        for name, (file, size) in (named | models).items():
            expected = Path(folder) / f"{name}.npz"
            np.savez(expected, allow_pickle=False, **expectation(file, size, files))
            tasks.append({"model": name, "file": str(file), "size": size, "known": str(expected)})
        rows.say("check: the processor's answers are there")

        def one(task: tuple[str, dict[str, Any], dict[str, Any]]) -> None:
            module, told, row = task
            told = {"device": asked.device, "pictures": list(map(str, files)), **told}
            run_child(rows, module, told, budget.left, section="check", **row)
            rows.say(f"check: {', '.join(row.values())}")

        with ThreadPoolExecutor(asked.jobs) as pool:
            list(pool.map(one, _tasks(asked.device, tasks)))
        # It takes nearly all of the memory: nobody else may need some.
        if asked.device == "cpu" or budget.left > 10:
            large = name_of(asked.models[0])
            told = {"model": large, "file": str(file_of(large))}
            one(("memory", told, {"model": large, "mode": "fp32", "path": "memory", "what": "all"}))


def _tasks(
    device: str, tasks: list[dict[str, Any]]
) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Give modules, what they are told, and what their rows say: the most important first."""
    offered = offered_precisions(device)
    # The pixels that are known are those of the size in use, which a foreign file has to have.
    last = next(task for task in reversed(tasks) if task["size"] is None)
    about = {"model": last["model"], "mode": "fp32", "what": "all"}
    for mode in MODES:
        if mode not in offered:
            continue
        for task in tasks:
            row = {"model": task["model"], "mode": mode, "path": "engine", "what": "all"}
            yield "precision", {**task, "mode": mode}, row
        if mode == "fp32":
            yield "tapped", last, {**about, "path": "tapped"}
            yield "several", {"models": tasks[-2:]}, {**about, "path": "several engines"}


def report(asked: argparse.Namespace, rows: Rows) -> list[str]:
    """Give the worst of each path and precision; what failed; and where nodes ran."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows.rows:
        if row["section"] == "check":
            groups.setdefault((row["mode"], row["path"]), []).append(row)
    cells = [[*group, *_worst(found)] for group, found in sorted(groups.items(), key=_order)]
    header = ("precision", "path", "rows", "largest error", "of", "rank, mean", "least", "")
    lines = table(f"Check on {asked.device}, against the CPU in fp32", header, cells)
    moved = _moved(rows)
    if moved:
        lines += table("Nodes that did not run on the device", ("graph", "nodes", "copies"), moved)
    return lines


def _order(group: tuple[tuple[str, str], list[Row]]) -> int:
    return list(MODES).index(group[0][0])


def _worst(rows: list[Row]) -> list[str]:
    measured = [row for row in rows if "error" in row]
    worst = max(measured, key=lambda row: float(row["error"]), default=None)
    ranks = [[row[key] for row in measured if key in row] for key in ("rank", "least")]
    judged = [verdict(row) for row in rows]
    bad = judged.count(False)
    return [
        f"{len(rows)}",
        "-" if worst is None else f"{worst['error']:.1e}",
        "-" if worst is None else f"{worst['model']}, {worst['what']}",
        *(f"{min(each):.5f}" if each else "-" for each in ranks),
        f"{bad} FAIL" if bad else "pass" if True in judged else "-",
    ]


def _moved(rows: Rows) -> list[list[str]]:
    """Give a row a graph: a few nodes of shapes cost nothing, but copies do."""
    found: dict[tuple[str, str, str], None] = {}
    for row in rows.rows:
        if row.get("elsewhere") or row.get("copies"):
            nodes = ", ".join(f"{count} {name}" for name, count in row["elsewhere"].items())
            found[f"{row['path']}, {row['mode']}: {row['what']}", nodes, f"{row['copies']}"] = None
    return [list(each) for each in found]
