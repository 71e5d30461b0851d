"""Timing in turns, so that whatever else the machine does falls on all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

WARM_UP = 1


@dataclass(frozen=True)
class Times:
    """Seconds of every round."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, against the median."""
        if len(self.rounds) == 1:
            return 0.0
        low, _, high = statistics.quantiles(self.rounds, n=4)
        return (high - low) / 2 / self.median


def interleave(subjects: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Times]:
    """Run all subjects in every round, each round beginning with another."""
    names = list(subjects)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-WARM_UP, rounds):
        first = number % len(names)
        for name in (*names[first:], *names[:first]):
            start = time.perf_counter()
            subjects[name]()
            if number >= 0:
                seconds[name].append(time.perf_counter() - start)
    return {name: Times(tuple(values)) for name, values in seconds.items()}


def ratio(base: Times, other: Times) -> float:
    """Say how many times as fast as the base something is.

    It is the median of the rounds' own ratios: what slows a round down slows both.
    """
    return statistics.median(a / b for a, b in zip(base.rounds, other.rounds, strict=True))
