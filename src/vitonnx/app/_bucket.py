"""Rate limits."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

__all__ = ["Buckets"]

MOST = 10_000  # names that are remembered; who was away for the longest time starts anew


class Buckets:
    """Token bucket for each name: it begins full, and refills over time.

    Parameters
    ----------
    size : int
        Permissions in a full bucket: how many may come at once.
    rate : float
        Tokens refilled per second.
    clock : callable
        Gives seconds.

    Examples
    --------
    >>> now = 0.0
    >>> buckets = Buckets(2, 0.5, clock=lambda: now)
    >>> [buckets.take("anna") for _ in range(3)], buckets.take("bob")
    ([True, True, False], True)
    >>> now = 2.0
    >>> buckets.take("anna"), buckets.take("anna")
    (True, False)
    """

    def __init__(
        self, size: int, rate: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._size, self._rate, self._clock = size, rate, clock
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> bool:
        """Take a permission; False if there is none left."""
        now = self._clock()
        left, since = self._held.pop(name, (float(self._size), now))
        left = min(self._size, left + (now - since) * self._rate)
        self._held[name] = (left - 1 if left >= 1 else left, now)
        if len(self._held) > MOST:
            self._held.popitem(last=False)
        return left >= 1
