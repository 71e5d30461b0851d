"""Baked files in plain onnxruntime: are they right, and where do their nodes run?"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import vitonnx as vx
from benchmarks.gpu.asked import Probes
from benchmarks.gpu.card import PROVIDERS
from benchmarks.gpu.compare import compare
from benchmarks.gpu.proof import profiled
from benchmarks.gpu.rows import Rows
from benchmarks.gpu.task import Task


def check_baked(rows: Rows, task: Task, engine: vx.Engine, sets: list[Probes]) -> None:
    """Bake the first probes in every precision, and all in what GPUs usually run."""
    if task.mode == "tf32":  # which no file is in: its runtime is told
        return
    asked = [("baked", sets[0]), ("baked, fused", sets[0])]
    if task.mode == "fp16":  # what must be fitted first has no graph that stands for it
        asked += [("baked, fused", probes) for probes in sets[1:] if "norms" not in probes]
    for path, probes in asked:
        with rows.tried(path=path, what=" + ".join(probes)):
            _check(rows.about(path=path), task, engine, probes, fused="fused" in path)


def _check(rows: Rows, task: Task, engine: vx.Engine, probes: Probes, *, fused: bool) -> None:
    pixels, forms = task.expected["pixels"], []
    feed = {"images": pixels}
    for probe in probes.values():
        if probe.located:  # each picture's own token, found in its own crop
            tokens = [probe.token(engine.layout, tuple(crop)) for crop in task.expected["crops"]]
            feed["queries"] = np.array(tokens, np.int64)
        forms.append(replace(probe, query="patch") if probe.located else probe)
    # What fewer bits cost is seen below.
    options: dict[str, Any] = {"pictures": list(pixels[:1]), "force": True, "fused": fused}
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "baked.onnx"
        vx.bake(engine, forms, target, precision=task.mode, **options)
        arrays, ran = profiled(target, task.device, feed)
    for (label, probe), array in zip(probes.items(), arrays, strict=True):
        if probe.name in ("heads", "rollout", "distance"):  # others still have to be unpacked
            rows.add(what=label, **compare(np.asarray(array), task.expected[label]))
    nodes = sum(ran.values(), Counter[str]())
    elsewhere = nodes - ran.get(PROVIDERS[task.device], Counter())
    copies = sum(count for name, count in nodes.items() if "Memcpy" in name)
    rows.add(what=" + ".join(probes), elsewhere=dict(elsewhere), copies=copies)
