"""Timing on a device: a round is as many calls as fill it, and every call is waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from benchmarks.gpu.card import Card
from benchmarks.timing import Times, interleave

MOST_CALLS = 200


@dataclass(frozen=True)
class Clock:
    """Takes so many rounds, in each of which every subject runs for so many seconds."""

    card: Card
    rounds: int
    seconds: float

    def block(self, work: Callable[[], object], calls: int, *, queued: bool = False) -> float:
        """Give the seconds of a call; if `queued`, only the last is waited for."""
        self.card.synchronise()
        start = time.perf_counter()
        for _ in range(calls):
            work()
            if not queued:
                self.card.synchronise()
        self.card.synchronise()
        return (time.perf_counter() - start) / calls

    def calls_of(self, work: Callable[[], object]) -> int:
        """Count the calls that fill a round."""
        one = min(self.block(work, 1) for _ in range(2))
        return max(1, min(MOST_CALLS, int(self.seconds / max(one, 1e-6))))

    def measure(
        self, subjects: Mapping[str, Callable[[], object]], seconds: float
    ) -> dict[str, Times]:
        """Give the seconds of a call in every round, all in turns; few rounds where time is."""
        if not subjects:
            return {}
        start = time.perf_counter()
        calls = {name: self.calls_of(work) for name, work in subjects.items()}
        blocks = {name: partial(self.block, subjects[name], calls[name]) for name in subjects}
        spent = time.perf_counter() - start  # a round, or more
        times = interleave(blocks, max(1, min(self.rounds, int(seconds / spent) - 2)))
        return {
            name: Times(tuple(seconds / calls[name] for seconds in found.rounds))
            for name, found in times.items()
        }
