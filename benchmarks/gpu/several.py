"""Several engines in one process, on one card: two models in two precisions, at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

import vitonnx as vx
from benchmarks.gpu.asked import Arrays, probed, sets_of
from benchmarks.gpu.compare import compare
from benchmarks.gpu.rows import Rows

ROUNDS = 3


def work(rows: Rows, device: str, models: list[dict[str, Any]], pictures: list[str]) -> None:
    files = list(map(Path, pictures))
    engines: dict[tuple[str, str], vx.Engine] = {}
    known: dict[str, Arrays] = {}
    for each in models:
        with np.load(each["known"]) as stored:
            known[each["model"]] = dict(stored)
        for mode in ("fp32", "fp16"):
            options: dict[str, Any] = {"device": device, "precision": mode, "size": each["size"]}
            engines[each["model"], mode] = vx.Engine(each["file"], **options, in_graph=True)

    def ask(asked: tuple[str, str]) -> list[Arrays]:
        engine = engines[asked]
        return [probed(engine, files, sets_of(engine)[0]) for _ in range(ROUNDS)]

    with ThreadPoolExecutor(len(engines)) as pool:
        answers = dict(zip(engines, pool.map(ask, engines), strict=True))
    for (model, mode), found in answers.items():
        row = {"model": model, "mode": mode, "path": "several engines"}
        for arrays in found:
            for label, array in arrays.items():
                rows.add(**row, what=label, **compare(array, known[model][label]))
