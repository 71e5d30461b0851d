"""What came of all visits together."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np

__all__ = ["Tally"]


@dataclass
class Tally:
    """Counts, for many threads."""

    seconds: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Until an answer came, by what was asked; with the time to come again after refusals."""
    refusals: Counter[int] = field(default_factory=Counter)
    """By their HTTP status."""
    failures: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)
    """Answers that belonged to another question."""
    pictures: int = 0
    """Done, from the upload to the last answer."""
    left: int = 0
    """Visitors who left without saying so."""

    def __post_init__(self) -> None:
        self.lock = threading.Lock()

    def answered(self, kind: str, seconds: float) -> None:
        """Note that an answer came."""
        with self.lock:
            self.seconds[kind].append(seconds)

    def refused(self, status: int) -> None:
        """Note that somebody was asked to come again."""
        with self.lock:
            self.refusals[status] += 1

    @property
    def answers(self) -> int:
        """How many came."""
        return sum(len(each) for each in self.seconds.values())

    def rows(self) -> list[list[str]]:
        """Give a row for each thing that was asked: how often, median, 95 %, longest."""
        rows = []
        for kind, seconds in self.seconds.items():
            middle, late, longest = np.percentile(seconds, (50, 95, 100))
            rows.append(
                [kind, f"{len(seconds):,}", f"{middle:.2f} s", f"{late:.2f} s", f"{longest:.2f} s"]
            )
        return rows
