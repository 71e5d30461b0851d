"""Time that a run may take, and what its parts may take of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Budget:
    """Seconds that count down from when it is made."""

    seconds: float
    clock: Callable[[], float] = time.perf_counter
    start: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", self.clock())

    @property
    def spent(self) -> float:
        return self.clock() - self.start

    @property
    def left(self) -> float:
        """Seconds that are left; below 0, the budget is overdrawn."""
        return self.seconds - self.spent

    def share(self, part: float) -> Budget:
        """Give a part of what is left to somebody, from now on."""
        return Budget(max(0.0, part * self.left), self.clock)
