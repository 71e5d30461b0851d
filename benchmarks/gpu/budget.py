"""Time that a run may take, and what its parts may take of it."""

from __future__ import annotations

import time
from collections.abc import Callable


class Budget:
    """Seconds that count down from when it is made."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock, self._end = clock, clock() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left; below 0, the budget is overdrawn."""
        return self._end - self._clock()

    def share(self, part: float) -> Budget:
        """Give a part of what is left to somebody, from now on."""
        return Budget(max(0.0, part * self.left), self._clock)
