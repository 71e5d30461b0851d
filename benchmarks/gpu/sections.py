"""How fast is it, where is the ceiling, and what do others take? The most important comes first."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.gpu import ceilings, files, kernels, options, speeds
from benchmarks.gpu.bench import Bench
from benchmarks.gpu.budget import Budget
from benchmarks.gpu.card import Card
from benchmarks.gpu.clock import Clock
from benchmarks.gpu.graphs import Graphs
from benchmarks.gpu.rows import Rows

MEASURED = ("ceilings", "graphs", "files", "kernels", "options")


def measure(asked: argparse.Namespace, rows: Rows, budget: Budget) -> None:
    """Run the sections that are asked for, in this order."""
    if not set(MEASURED) & set(asked.sections):
        return
    if importlib.util.find_spec("torch") is None:
        rows.add(section="bench", what="all", skipped="torch isn't installed")
        return
    card = Card(asked.device)
    clock = Clock(card, asked.rounds, asked.seconds)
    with TemporaryDirectory() as folder, Graphs(Path(folder), asked, card.precision) as graphs:
        bench = Bench(asked, rows, budget, card, clock, graphs)
        if "ceilings" in asked.sections:
            ceilings.measure(bench)
        for place, model in enumerate(asked.models):
            if "graphs" in asked.sections and bench.has_time(15, section="graphs", model=model):
                speeds.measure(bench, model)
            # Behind the first two models comes what a user sees, from files on.
            if "files" in asked.sections and place == min(1, len(asked.models) - 1):
                for each in reversed(asked.models[:2]):
                    if bench.has_time(20, section="files", model=each):
                        files.measure(bench, each)
        if "kernels" in asked.sections:
            kernels.measure(bench)
        if "options" in asked.sections:
            options.measure(bench)


def report(rows: Rows) -> list[str]:
    """Give the tables of all that was measured; the goals come last."""
    found = [part.report(rows) for part in (kernels, options, files, ceilings, speeds)]
    return [*sum(found, list[str]()), *speeds.goals(rows)]
