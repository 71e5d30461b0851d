"""What all sections that measure need."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

from benchmarks.gpu.budget import Budget
from benchmarks.gpu.card import Card
from benchmarks.gpu.clock import Clock
from benchmarks.gpu.graphs import Graphs
from benchmarks.gpu.rows import Rows


@dataclass(frozen=True)
class Bench:
    """What is asked, the rows that are found, and what they are measured with."""

    asked: argparse.Namespace
    rows: Rows
    budget: Budget
    card: Card
    clock: Clock
    graphs: Graphs

    def has_time(self, seconds: float, **row: Any) -> bool:
        """Tell whether so many are left, and note what is left out."""
        if self.budget.left >= seconds:
            return True
        self.rows.add(**row, skipped="no time was left")
        return False
