"""Baked files in plain onnxruntime: are they right, and where do their nodes run?"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import vitonnx as vx
from benchmarks.gpu.asked import Arrays, Probes
from benchmarks.gpu.card import PROVIDERS
from benchmarks.gpu.compare import compare
from benchmarks.gpu.proof import profiled
from benchmarks.gpu.rows import Rows


def check_baked(
    rows: Rows, engine: vx.Engine, known: Arrays, sets: list[Probes], about: dict[str, Any]
) -> None:
    """Bake the first probes in every precision, and all in what GPUs usually run."""
    asked = [("baked", False, sets[0]), ("baked, fused", True, sets[0])]
    if about["mode"] == "fp16":
        asked += [("baked, fused", True, probes) for probes in sets[1:] if "norms" not in probes]
    for path, fused, probes in asked:
        row = {**about, "path": path}
        with rows.tried(**row, what=" + ".join(probes)):
            _check(rows, engine, known, probes, row, fused=fused)


def _check(
    rows: Rows,
    engine: vx.Engine,
    known: Arrays,
    probes: Probes,
    row: dict[str, Any],
    *,
    fused: bool,
) -> None:
    device, pixels = engine.device.partition(":")[0], known["pixels"]
    feed = {"images": pixels}
    forms = []
    for probe in probes.values():
        if probe.located:  # each picture's own token, found in its own crop
            tokens = [probe.token(engine.layout, tuple(crop)) for crop in known["crops"]]
            feed["queries"] = np.array(tokens, np.int64)
        forms.append(replace(probe, query="patch") if probe.located else probe)
    precision = {"tf32": "fp32"}.get(row["mode"], row["mode"])
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "baked.onnx"
        # What fewer bits cost is seen below.
        given: dict[str, Any] = {"pictures": list(pixels[:1]), "force": True}
        vx.bake(engine, forms, target, precision=precision, fused=fused, **given)
        arrays, ran = profiled(target, device, feed)
    for (label, probe), array in zip(probes.items(), arrays, strict=True):
        if probe.name in ("heads", "rollout", "distance"):  # others still have to be unpacked
            rows.add(**row, what=label, **compare(np.asarray(array), known[label]))
    elsewhere: Counter[str] = Counter()
    for provider, nodes in ran.items():
        if provider != PROVIDERS[device]:
            elsewhere += nodes
    copies = sum(
        count for nodes in ran.values() for name, count in nodes.items() if "Memcpy" in name
    )
    what = " + ".join(probes)
    rows.add(**row, what=what, nodes=True, elsewhere=dict(elsewhere), copies=copies)
