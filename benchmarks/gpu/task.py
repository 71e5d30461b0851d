"""One thing to check: a model on a device, and what the CPU says of it in single precision."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import vitonnx as vx
from benchmarks.gpu.asked import Arrays, Probes, probed
from benchmarks.gpu.compare import compare
from benchmarks.gpu.private import require_provider
from benchmarks.gpu.rows import Rows


@dataclass(frozen=True)
class Task:
    """What a process of its own is told, as JSON has it."""

    device: str
    model: str
    file: str
    known: str  # the file of `expectation`
    pictures: list[str] = field(default_factory=list)
    size: list[int] | None = None
    mode: str = "fp32"
    others: list[dict[str, Any]] = field(default_factory=list)  # tasks that are done along

    @cached_property
    def expected(self) -> Arrays:
        with np.load(self.known) as stored:
            return dict(stored)

    @property
    def files(self) -> list[Path]:
        return list(map(Path, self.pictures))

    @property
    def sides(self) -> tuple[int, int] | None:
        return None if self.size is None else (self.size[0], self.size[1])

    def engine(self, *, in_graph: bool = True, **other: Any) -> vx.Engine:
        """Open the model as it is asked for."""
        options = {"precision": self.mode, "size": self.sides, "in_graph": in_graph, **other}
        return vx.Engine(options.pop("file", self.file), device=self.device, **options)

    def check(self, rows: Rows, engine: vx.Engine, probes: Probes) -> None:
        """Ask an engine, and compare."""
        with rows.tried(what=" + ".join(probes)):
            for label, array in probed(engine, self.files, probes).items():
                rows.add(what=label, **compare(array, self.expected[label]))
            require_provider(engine, self.device)
