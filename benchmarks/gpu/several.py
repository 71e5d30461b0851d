"""Several engines in one process, on one card: two models in two precisions, at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from benchmarks.gpu.asked import sets_of
from benchmarks.gpu.rows import Rows
from benchmarks.gpu.task import Task

ROUNDS = 3


def work(rows: Rows, task: Task) -> None:
    models = [task, *(Task(**other) for other in task.others)]
    tasks = [replace(each, mode=mode) for each in models for mode in ("fp32", "fp16")]
    engines = [each.engine() for each in tasks]  # all are open before one is asked

    def ask(number: int) -> None:
        each, engine = tasks[number], engines[number]
        for _ in range(ROUNDS):
            each.check(rows.about(model=each.model, mode=each.mode), engine, sets_of(engine)[0])

    with ThreadPoolExecutor(len(tasks)) as pool:
        list(pool.map(ask, range(len(tasks))))
